using System.Runtime.InteropServices;

namespace WireGuard.Attestation.Interop;

// <openssl/err.h>
internal static unsafe partial class Libcrypto
{
    [LibraryImport(Library)]
    internal static partial void ERR_clear_error();
}
