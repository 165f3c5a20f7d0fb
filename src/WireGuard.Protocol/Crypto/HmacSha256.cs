using static WireGuard.Protocol.Crypto.Interop.Libcrypto;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// HMAC-SHA-256, by which a verifier proves to a prover that it has its key. Reference: RFC 2104. Digest 32 bytes. Safe to call
/// from any thread. Each call has a context of its own, which wipes the key when it is freed.
/// </summary>
internal static unsafe class HmacSha256
{
    /// <summary>HMAC of three inputs, one behind the other, each of 0 bytes or more.</summary>
    /// <param name="key">1 byte or more.</param>
    /// <param name="mac">Receives 32 bytes.</param>
    /// <exception cref="ArgumentException">The key is empty, or the mac not 32 bytes.</exception>
    public static void Compute(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> mac)
    {
        if (key.IsEmpty) throw new ArgumentException("A key is 1 byte or more.", nameof(key));
        if (mac.Length != Sha256.HashSize)
            throw new ArgumentException($"A mac is {Sha256.HashSize} bytes, not {mac.Length}.", nameof(mac));
        Algorithms.Require();
        void* context = Check(EVP_MAC_CTX_new(Algorithms.Hmac));
        try
        {
            OSSL_PARAM* parameters = stackalloc OSSL_PARAM[2];
            fixed (byte* name = "SHA2-256"u8, keyBytes = key, macBytes = mac)
            {
                parameters[0] = new OSSL_PARAM(OSSL_MAC_PARAM_DIGEST, OSSL_PARAM_UTF8_STRING, name, 8);
                Check(EVP_MAC_init(context, keyBytes, (nuint)key.Length, parameters));
                Update(context, a);
                Update(context, b);
                Update(context, c);
                Check(EVP_MAC_final(context, macBytes, null, Sha256.HashSize));
            }
        }
        finally
        {
            EVP_MAC_CTX_free(context);
        }
    }

    private static void Update(void* context, ReadOnlySpan<byte> input)
    {
        fixed (byte* bytes = input)
            if (!input.IsEmpty) Check(EVP_MAC_update(context, bytes, (nuint)input.Length));
    }
}
