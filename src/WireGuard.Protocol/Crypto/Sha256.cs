using static WireGuard.Protocol.Crypto.Interop.Libcrypto;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// SHA-256, by which an attestation document binds an exchange; WireGuard itself has no use for it. Reference: FIPS 180-4. Digest
/// 32 bytes. Safe to call from any thread.
/// </summary>
internal static unsafe class Sha256
{
    /// <summary>Length in bytes of a digest.</summary>
    public const int HashSize = 32;

    /// <summary>SHA-256 of the one input followed by the other, each of 0 bytes or more.</summary>
    /// <param name="digest">Receives 32 bytes.</param>
    /// <exception cref="ArgumentException">The digest is not 32 bytes.</exception>
    public static void Hash(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, Span<byte> digest)
    {
        if (digest.Length != HashSize)
            throw new ArgumentException($"A digest is {HashSize} bytes, not {digest.Length}.", nameof(digest));
        Algorithms.Require();
        void* context = Check(EVP_MD_CTX_new());
        try
        {
            fixed (byte* aBytes = a, bBytes = b, digestBytes = digest)
            {
                Check(EVP_DigestInit_ex2(context, Algorithms.Sha256, null));
                if (!a.IsEmpty) Check(EVP_DigestUpdate(context, aBytes, (nuint)a.Length));
                if (!b.IsEmpty) Check(EVP_DigestUpdate(context, bBytes, (nuint)b.Length));
                Check(EVP_DigestFinal_ex(context, digestBytes, null));
            }
        }
        finally
        {
            EVP_MD_CTX_free(context);
        }
    }
}
