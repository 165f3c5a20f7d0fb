using System.Runtime.InteropServices;
using static WireGuard.Protocol.Crypto.Interop.Libcrypto;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// The algorithms WireGuard uses, fetched from libcrypto once a process: a fetch by name costs a lock and several look-ups.
/// They are reference-counted by the library, safe to share between threads, and never freed.
/// </summary>
internal static unsafe class Algorithms
{
    /// <summary>Why libcrypto cannot serve; null when it can.</summary>
    internal static readonly string? Problem;

    internal static readonly void* ChaCha20Poly1305;
    internal static readonly void* Blake2s;
    internal static readonly void* Blake2sMac;
    internal static readonly void* Sha256;
    internal static readonly void* Hmac;

    static Algorithms()
    {
        try
        {
            // At exit the library would free its state under threads that still use it.
            Check(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, null));
            string version = Marshal.PtrToStringUTF8((nint)OpenSSL_version(OPENSSL_VERSION)) ?? "libcrypto.so.3";
            ChaCha20Poly1305 = EVP_CIPHER_fetch(null, "ChaCha20-Poly1305", null);
            Blake2s = EVP_MD_fetch(null, "BLAKE2S-256", null);
            Blake2sMac = EVP_MAC_fetch(null, "BLAKE2SMAC", null);
            Sha256 = EVP_MD_fetch(null, "SHA2-256", null);
            Hmac = EVP_MAC_fetch(null, "HMAC", null);
            void* x25519 = EVP_PKEY_CTX_new_from_name(null, "X25519", null);
            Problem = ChaCha20Poly1305 == null ? Lacks("ChaCha20-Poly1305")
                : Blake2s == null ? Lacks("BLAKE2S-256")
                : Blake2sMac == null ? Lacks("BLAKE2SMAC")
                : Sha256 == null ? Lacks("SHA2-256")
                : Hmac == null ? Lacks("HMAC")
                : x25519 == null ? Lacks("X25519")
                : null;
            EVP_PKEY_CTX_free(x25519);

            string Lacks(string algorithm) =>
                $"{version} offers no {algorithm}: make openssl.cnf activate the default provider";
        }
        catch (DllNotFoundException)
        {
            Problem = "libcrypto.so.3 is missing: install OpenSSL 3 (Debian and Ubuntu: apt install libssl3)";
        }
        catch (EntryPointNotFoundException error)
        {
            Problem = $"libcrypto.so.3 is not OpenSSL 3 or newer: {error.Message}";
        }
    }

    /// <exception cref="CryptoLibraryException">libcrypto cannot serve.</exception>
    internal static void Require()
    {
        if (Problem != null) throw new CryptoLibraryException($"Loading libcrypto ({Problem})");
    }
}
