using System.Runtime.InteropServices;

namespace WireGuard.Protocol.Crypto.Interop;

// <openssl/crypto.h>
internal static unsafe partial class Libcrypto
{
    internal const ulong OPENSSL_INIT_NO_ATEXIT = 0x00080000;
    internal const int OPENSSL_VERSION = 0;

    [LibraryImport(Library)]
    internal static partial int OPENSSL_init_crypto(ulong options, void* settings);

    [LibraryImport(Library)]
    internal static partial byte* OpenSSL_version(int type);
}
