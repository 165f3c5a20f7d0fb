using static WireGuard.Protocol.Crypto.Interop.Libcrypto;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// BLAKE2s in the three forms of the WireGuard paper, section 5.4: HASH(), MAC() and HMAC(). References: RFC 7693; RFC 2104 for
/// HMAC, whose block is BLAKE2s's 64 bytes. Safe to call from any thread, without allocation; outputs may overlap inputs.
/// </summary>
/// <remarks>No key outlasts its call in libcrypto's memory.</remarks>
internal static unsafe class Blake2s
{
    /// <summary>Length in bytes of a digest.</summary>
    public const int HashSize = 32;

    private const int MaxMacKeySize = 32;

    /// <summary>Hash(a ‖ b): unkeyed BLAKE2s of the one input followed by the other.</summary>
    /// <param name="digest">Receives 32 bytes.</param>
    /// <exception cref="ArgumentException">The digest is not 32 bytes.</exception>
    public static void Hash(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, Span<byte> digest)
    {
        RequireDigestSize(digest.Length, nameof(digest));
        void* context = ThreadContexts.Current.Digest;
        fixed (byte* aBytes = a, bBytes = b, digestBytes = digest)
        {
            Check(EVP_DigestInit_ex2(context, null, null));
            if (!a.IsEmpty) Check(EVP_DigestUpdate(context, aBytes, (nuint)a.Length));
            if (!b.IsEmpty) Check(EVP_DigestUpdate(context, bBytes, (nuint)b.Length));
            Check(EVP_DigestFinal_ex(context, digestBytes, null));
        }
    }

    /// <summary>Mac(key, input): keyed BLAKE2s (RFC 7693 section 2.9).</summary>
    /// <param name="key">1 to 32 bytes.</param>
    /// <param name="mac">Receives 16 or 32 bytes. The short one is not the head of the long one.</param>
    /// <exception cref="ArgumentException">A length is none of these.</exception>
    public static void Mac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input, Span<byte> mac)
    {
        if (key.Length is 0 or > MaxMacKeySize) throw new ArgumentException("A key is 1 to 32 bytes.", nameof(key));
        if (mac.Length is not (16 or 32)) throw new ArgumentException("A MAC is 16 or 32 bytes.", nameof(mac));
        void* context = ThreadContexts.Current.Mac;
        nuint length = (nuint)mac.Length;
        OSSL_PARAM* parameters = stackalloc OSSL_PARAM[2];
        parameters[0] = new OSSL_PARAM(OSSL_MAC_PARAM_SIZE, OSSL_PARAM_UNSIGNED_INTEGER, &length, (nuint)sizeof(nuint));
        fixed (byte* keyBytes = key, inputBytes = input, macBytes = mac)
        {
            Check(EVP_MAC_init(context, keyBytes, (nuint)key.Length, parameters));
            if (!input.IsEmpty) Check(EVP_MAC_update(context, inputBytes, (nuint)input.Length));
            Check(EVP_MAC_final(context, macBytes, null, (nuint)mac.Length));
        }

        // What was hashed the library has wiped itself; its copy of the key goes by being overwritten.
        byte* zero = stackalloc byte[MaxMacKeySize];
        parameters[0] = new OSSL_PARAM(OSSL_MAC_PARAM_KEY, OSSL_PARAM_OCTET_STRING, zero, MaxMacKeySize);
        Check(EVP_MAC_CTX_set_params(context, parameters));
    }

    /// <summary>Hmac(key, input): HMAC-BLAKE2s, the function under the paper's KDFs.</summary>
    /// <param name="key">1 byte or more.</param>
    /// <param name="digest">Receives 32 bytes.</param>
    /// <exception cref="ArgumentException">The key is empty, or the digest not 32 bytes.</exception>
    public static void Hmac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input, Span<byte> digest)
    {
        // To libcrypto no key means the one before.
        if (key.IsEmpty) throw new ArgumentException("A key is 1 byte or more.", nameof(key));
        RequireDigestSize(digest.Length, nameof(digest));
        void* context = ThreadContexts.Current.Hmac;
        fixed (byte* keyBytes = key, inputBytes = input, digestBytes = digest)
        {
            Check(EVP_MAC_init(context, keyBytes, (nuint)key.Length, null));
            if (!input.IsEmpty) Check(EVP_MAC_update(context, inputBytes, (nuint)input.Length));
            Check(EVP_MAC_final(context, digestBytes, null, HashSize));
        }

        // The context holds the key and the two hash states made of it until it is given another.
        byte zero = 0;
        Check(EVP_MAC_init(context, &zero, 1, null));
    }

    private static void RequireDigestSize(int length, string parameter)
    {
        if (length != HashSize) throw new ArgumentException($"A digest is {HashSize} bytes, not {length}.", parameter);
    }
}
