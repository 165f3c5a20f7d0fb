using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Config;

/// <summary>Where a secret key comes from: at most one of the file itself, another file, or the process that needs it.</summary>
/// <typeparam name="TKey"><see cref="PrivateKey"/> or <see cref="PresharedKey"/>.</typeparam>
internal sealed class KeySource<TKey> : IDisposable
    where TKey : class, IDisposable
{
    /// <summary>The key, where the configuration file holds it; wiped with the settings.</summary>
    internal TKey? Given { get; init; }

    /// <summary>The path of the file that holds it, as it was written; null for none.</summary>
    internal string? File { get; init; }

    /// <summary>Whether it is to be made in memory.</summary>
    internal bool Generates { get; init; }

    internal bool IsNone => Given is null && File is null && !Generates;

    public void Dispose() => Given?.Dispose();
}
