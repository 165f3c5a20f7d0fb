using System.Security.Cryptography;
using static WireGuard.Protocol.Crypto.Interop.Libcrypto;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// Diffie-Hellman over Curve25519: DH() of the WireGuard paper, section 5.4. Reference: RFC 7748. Private keys, public keys and
/// shared secrets are 32 bytes each. Safe to call from any thread.
/// </summary>
internal static unsafe class X25519
{
    /// <summary>Length in bytes of a private key, a public key and a shared secret.</summary>
    public const int KeySize = 32;

    // u = 9, RFC 7748 section 4.1
    private static ReadOnlySpan<byte> BasePoint =>
        [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>Computes the secret that two key pairs share.</summary>
    /// <param name="privateKey">32 bytes of ours; clamped by the function itself.</param>
    /// <param name="publicKey">32 bytes of theirs, from the network: any bytes at all.</param>
    /// <param name="shared">Receives 32 bytes; zeros when the answer is false.</param>
    /// <returns>
    /// False when the secret is all zero because the public key is one of the few points of low order (RFC 7748 section 6.1).
    /// </returns>
    /// <exception cref="ArgumentException">A length is not 32.</exception>
    public static bool TrySharedSecret(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> publicKey, Span<byte> shared)
    {
        RequireKeySize(privateKey.Length, nameof(privateKey));
        RequireKeySize(publicKey.Length, nameof(publicKey));
        RequireKeySize(shared.Length, nameof(shared));
        void* keys = null, context = null;
        try
        {
            keys = Import(privateKey, publicKey);
            context = Check(EVP_PKEY_CTX_new_from_pkey(null, keys, null));
            Check(EVP_PKEY_derive_init(context));
            Check(EVP_PKEY_derive_set_peer_ex(context, keys, validate: 0));
            nuint length = KeySize;
            fixed (byte* sharedBytes = shared)
                if (EVP_PKEY_derive(context, sharedBytes, &length) == 1) return true;
        }
        finally
        {
            EVP_PKEY_CTX_free(context);
            EVP_PKEY_free(keys);
        }

        // The one reason for the last step to fail is a secret of zeros. It is not an error to leave in the thread's queue.
        ERR_clear_error();
        CryptographicOperations.ZeroMemory(shared);
        return false;
    }

    /// <summary>Computes the public key of a private key.</summary>
    /// <param name="privateKey">32 bytes; clamped by the function itself.</param>
    /// <param name="publicKey">Receives 32 bytes.</param>
    /// <exception cref="ArgumentException">A length is not 32.</exception>
    public static void PublicFromPrivate(ReadOnlySpan<byte> privateKey, Span<byte> publicKey)
    {
        RequireKeySize(publicKey.Length, nameof(publicKey));
        if (!TrySharedSecret(privateKey, BasePoint, publicKey)) throw new CryptoLibraryException(nameof(EVP_PKEY_derive));
    }

    // An EVP_PKEY of our private and their public half, to stand on both sides of the derivation, which takes one half from each
    // side. Given a private half alone, libcrypto would first compute the public one, and the whole take 62 us instead of 32.
    private static void* Import(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> publicKey)
    {
        fixed (byte* privateBytes = privateKey, publicBytes = publicKey)
        {
            OSSL_PARAM* parameters = stackalloc OSSL_PARAM[3];
            parameters[0] = new OSSL_PARAM(OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PARAM_OCTET_STRING, privateBytes, KeySize);
            parameters[1] = new OSSL_PARAM(OSSL_PKEY_PARAM_PUB_KEY, OSSL_PARAM_OCTET_STRING, publicBytes, KeySize);
            void* keys = null;
            Check(EVP_PKEY_fromdata(ThreadContexts.Current.KeyImport, &keys, EVP_PKEY_KEYPAIR, parameters));
            return keys;
        }
    }

    private static void RequireKeySize(int length, string parameter)
    {
        if (length != KeySize) throw new ArgumentException($"A key is {KeySize} bytes, not {length}.", parameter);
    }
}
