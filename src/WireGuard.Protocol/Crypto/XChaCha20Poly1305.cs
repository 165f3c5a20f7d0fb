using System.Security.Cryptography;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// XAEAD() of the WireGuard paper, section 5.4, which seals cookie replies and nothing else: XChaCha20-Poly1305. Reference:
/// draft-irtf-cfrg-xchacha-03 section 2. Key 32 bytes, nonce 24 bytes, tag 16 bytes after the ciphertext. Safe to call from any
/// thread, without allocation.
/// </summary>
internal static class XChaCha20Poly1305
{
    /// <summary>Length in bytes of a key.</summary>
    public const int KeySize = Aead.KeySize;

    /// <summary>Length in bytes of a nonce, enough to choose it at random.</summary>
    public const int NonceSize = 24;

    /// <summary>Encrypts and authenticates one message.</summary>
    /// <param name="key">32 bytes.</param>
    /// <param name="nonce">24 bytes; never used twice with one key.</param>
    /// <param name="aad">What is authenticated beside the message; may be empty.</param>
    /// <param name="plaintext">The message; may be empty.</param>
    /// <param name="ciphertext">
    /// Receives plaintext.Length + 16 bytes. Begins where the plaintext begins, or does not overlap it.
    /// </param>
    /// <exception cref="ArgumentException">A length or an overlap is wrong.</exception>
    public static void Seal(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> aad,
        ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        Span<byte> subkey = stackalloc byte[Aead.KeySize];
        Span<byte> rest = stackalloc byte[Aead.NonceSize];
        Aead aead = ThreadContexts.Current.Aead;
        try
        {
            Derive(key, nonce, subkey, rest);
            aead.Seal(subkey, rest, aad, plaintext, ciphertext);
            aead.ForgetShort();
        }
        finally
        {
            CryptographicOperations.ZeroMemory(subkey);
        }
    }

    /// <summary>Checks and decrypts one message, from the network: any bytes at all.</summary>
    /// <param name="key">32 bytes.</param>
    /// <param name="nonce">24 bytes.</param>
    /// <param name="aad">What was authenticated beside the message.</param>
    /// <param name="ciphertext">The message with its tag.</param>
    /// <param name="plaintext">
    /// Receives ciphertext.Length - 16 bytes, zeros when the answer is false. Begins where the ciphertext begins, or does not
    /// overlap it.
    /// </param>
    /// <returns>False when the ciphertext is shorter than a tag or its tag does not fit.</returns>
    /// <exception cref="ArgumentException">A length or an overlap is wrong.</exception>
    public static bool TryOpen(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> aad,
        ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        Span<byte> subkey = stackalloc byte[Aead.KeySize];
        Span<byte> rest = stackalloc byte[Aead.NonceSize];
        Aead aead = ThreadContexts.Current.Aead;
        try
        {
            Derive(key, nonce, subkey, rest);
            bool authentic = aead.TryOpen(subkey, rest, aad, ciphertext, plaintext);
            aead.ForgetShort();
            return authentic;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(subkey);
        }
    }

    // The first 16 bytes of the nonce go into a key of this message's own, the last 8 into that key's nonce.
    private static void Derive(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, Span<byte> subkey, Span<byte> rest)
    {
        if (key.Length != KeySize) throw new ArgumentException($"A key is {KeySize} bytes, not {key.Length}.", nameof(key));
        if (nonce.Length != NonceSize)
            throw new ArgumentException($"A nonce is {NonceSize} bytes, not {nonce.Length}.", nameof(nonce));
        HChaCha20.Derive(key, nonce[..HChaCha20.InputSize], subkey);
        nonce[HChaCha20.InputSize..].CopyTo(rest[4..]);
    }
}
