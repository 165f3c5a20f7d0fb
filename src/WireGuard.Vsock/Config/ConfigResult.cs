using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Config;

/// <summary>What reading a configuration file gave. <see cref="Dispose"/> wipes the keys.</summary>
/// <param name="Settings">Null if there is a mistake.</param>
/// <param name="Diagnostics">All mistakes and warnings, in the order of their places.</param>
/// <param name="Keys">Where secret keys stand or are named, whether or not there is a mistake.</param>
internal sealed record ConfigResult(
    TunnelSettings? Settings, IReadOnlyList<Diagnostic> Diagnostics, IReadOnlyList<KeyMention> Keys) : IDisposable
{
    /// <summary>The public keys of peers, with their places, whether or not there is a mistake.</summary>
    internal IReadOnlyList<PeerKeyMention> PublicKeys { get; init; } = [];

    /// <summary>The files that AttestRoot names, as written, whether or not there is a mistake.</summary>
    internal IReadOnlyList<RootMention> RootFiles { get; init; } = [];

    internal bool HasMistakes => Settings is null;

    public void Dispose() => Settings?.Dispose();
}

/// <summary>A place of a configuration file that holds a secret key or names the file that does.</summary>
/// <param name="Key">PrivateKey, PresharedKey, PrivateKeyFile or PresharedKeyFile.</param>
/// <param name="File">The path, as written; null if the key itself stands there.</param>
internal sealed record KeyMention(Place Place, string Key, string? File);

/// <summary>A peer's public key, and where it stands.</summary>
internal sealed record PeerKeyMention(Place Place, PublicKey Key);

/// <summary>The file of a root, as written, and where it is named.</summary>
internal sealed record RootMention(Place Place, string File);
