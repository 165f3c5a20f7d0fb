using System.Security.Cryptography;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// The symmetric key two peers may share beside their public keys (the WireGuard paper, section 5.2): 32 bytes in memory
/// of its own, wiped by <see cref="Dispose"/>, after which every member throws <see cref="ObjectDisposedException"/>.
/// All zero means none.
/// </summary>
public sealed class PresharedKey : IDisposable
{
    /// <summary>Length in bytes.</summary>
    public const int Size = Secret.KeySize;

    private static readonly byte[] Zero = new byte[Size];

    private readonly Secret _secret;

    /// <summary>Copies <paramref name="bytes"/>, which stay the caller's to wipe.</summary>
    /// <param name="bytes">32 bytes.</param>
    /// <exception cref="ArgumentException">Not 32 bytes.</exception>
    public PresharedKey(ReadOnlySpan<byte> bytes) => _secret = Secret.CopyOf(bytes);

    /// <summary>The 32 bytes.</summary>
    internal ReadOnlySpan<byte> Bytes => _secret.Bytes;

    /// <summary>Whether this is the key that means none. Takes the same time for every key.</summary>
    internal bool IsZero => CryptographicOperations.FixedTimeEquals(_secret.Bytes, Zero);

    /// <summary>Wipes the key.</summary>
    public void Dispose() => _secret.Dispose();
}
