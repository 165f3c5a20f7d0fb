namespace WireGuard.Protocol.Crypto;

/// <summary>
/// An X25519 private key: 32 bytes, clamped (RFC 7748 section 5), in memory of its own, wiped by <see cref="Dispose"/>.
/// Every member but <see cref="PublicKey"/> throws <see cref="ObjectDisposedException"/> after that.
/// </summary>
public sealed class PrivateKey : IDisposable
{
    /// <summary>Length in bytes.</summary>
    public const int Size = X25519.KeySize;

    private readonly Secret _secret;

    /// <summary>Copies and clamps <paramref name="bytes"/>, which stay the caller's to wipe.</summary>
    /// <param name="bytes">32 bytes.</param>
    /// <exception cref="ArgumentException">Not 32 bytes.</exception>
    public PrivateKey(ReadOnlySpan<byte> bytes)
        : this(Secret.CopyOf(bytes))
    {
    }

    private PrivateKey(Secret secret)
    {
        _secret = secret;
        Span<byte> key = secret.Bytes;
        key[0] &= 248;
        key[31] = (byte)((key[31] & 127) | 64);
        Span<byte> publicKey = stackalloc byte[PublicKey.Size];
        X25519.PublicFromPrivate(key, publicKey);
        PublicKey = new PublicKey(publicKey);
    }

    /// <summary>
    /// The 32 clamped bytes, where they lie: valid until <see cref="Dispose"/>, and as long as the key is referenced.
    /// </summary>
    public ReadOnlySpan<byte> Bytes => _secret.Bytes;

    /// <summary>The public half, computed once.</summary>
    public PublicKey PublicKey { get; }

    /// <summary>A new key, from <see cref="SecureRandom"/>.</summary>
    public static PrivateKey Generate()
    {
        var secret = new Secret();
        SecureRandom.Fill(secret.Bytes);
        return new PrivateKey(secret);
    }

    /// <summary>Wipes the key.</summary>
    public void Dispose() => _secret.Dispose();
}
