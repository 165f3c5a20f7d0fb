using System.Runtime.CompilerServices;
using static WireGuard.Protocol.Crypto.Interop.Libcrypto;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// One thread's libcrypto contexts for the static classes here. Initialising a context anew is far cheaper than making one,
/// and a context must not serve two threads at once.
/// </summary>
internal sealed unsafe class ThreadContexts
{
    [ThreadStatic]
    private static ThreadContexts? t_current;

    private ThreadContexts()
    {
        Digest = Check(EVP_MD_CTX_new());
        Check(EVP_DigestInit_ex2(Digest, Algorithms.Blake2s, null));
        Mac = Check(EVP_MAC_CTX_new(Algorithms.Blake2sMac));
        Hmac = Check(EVP_MAC_CTX_new(Algorithms.Hmac));
        SetHmacDigest(Hmac);
        KeyImport = Check(EVP_PKEY_CTX_new_from_name(null, "X25519", null));
        Check(EVP_PKEY_fromdata_init(KeyImport));
    }

    // Runs after the thread has ended, for the thread's own reference was the only one.
    ~ThreadContexts()
    {
        EVP_MD_CTX_free(Digest);
        EVP_MAC_CTX_free(Mac);
        EVP_MAC_CTX_free(Hmac);
        EVP_PKEY_CTX_free(KeyImport);
    }

    internal static ThreadContexts Current => t_current ?? Create();

    /// <summary>EVP_MD_CTX for BLAKE2s-256.</summary>
    internal void* Digest { get; }

    /// <summary>EVP_MAC_CTX for keyed BLAKE2s.</summary>
    internal void* Mac { get; }

    /// <summary>EVP_MAC_CTX for HMAC with BLAKE2s-256.</summary>
    internal void* Hmac { get; }

    /// <summary>EVP_PKEY_CTX that makes X25519 keys of raw bytes; it keeps none of them.</summary>
    internal void* KeyImport { get; }

    /// <summary>For <see cref="XChaCha20Poly1305"/>.</summary>
    internal Aead Aead { get; } = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ThreadContexts Create()
    {
        Algorithms.Require();
        return t_current = new ThreadContexts();
    }

    private static void SetHmacDigest(void* context)
    {
        fixed (byte* name = "BLAKE2S-256"u8)
        {
            OSSL_PARAM* parameters = stackalloc OSSL_PARAM[2];
            parameters[0] = new OSSL_PARAM(OSSL_MAC_PARAM_DIGEST, OSSL_PARAM_UTF8_STRING, name, 11);
            Check(EVP_MAC_CTX_set_params(context, parameters));
        }
    }
}
