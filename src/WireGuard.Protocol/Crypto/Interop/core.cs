using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace WireGuard.Protocol.Crypto.Interop;

// <openssl/core.h> and <openssl/core_names.h>
internal static unsafe partial class Libcrypto
{
    internal const uint OSSL_PARAM_UNSIGNED_INTEGER = 2;
    internal const uint OSSL_PARAM_UTF8_STRING = 4;
    internal const uint OSSL_PARAM_OCTET_STRING = 5;

    internal static ReadOnlySpan<byte> OSSL_CIPHER_PARAM_AEAD_TAG => "tag"u8;
    internal static ReadOnlySpan<byte> OSSL_MAC_PARAM_KEY => "key"u8;
    internal static ReadOnlySpan<byte> OSSL_MAC_PARAM_SIZE => "size"u8;
    internal static ReadOnlySpan<byte> OSSL_MAC_PARAM_DIGEST => "digest"u8;
    internal static ReadOnlySpan<byte> OSSL_PKEY_PARAM_PRIV_KEY => "priv"u8;
    internal static ReadOnlySpan<byte> OSSL_PKEY_PARAM_PUB_KEY => "pub"u8;

    // An array of these ends with one whose key is null: default.
    [StructLayout(LayoutKind.Sequential)]
    internal struct OSSL_PARAM
    {
        private readonly byte* key;
        private readonly uint data_type;
        private readonly void* data;
        private readonly nuint data_size;
        private readonly nuint return_size;

        // name must be a u8 literal: those lie in the program's image, where nothing moves them, and end with a zero byte.
        internal OSSL_PARAM(ReadOnlySpan<byte> name, uint type, void* value, nuint size)
        {
            key = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(name));
            data_type = type;
            data = value;
            data_size = size;
            return_size = nuint.MaxValue; // OSSL_PARAM_UNMODIFIED
        }
    }
}
