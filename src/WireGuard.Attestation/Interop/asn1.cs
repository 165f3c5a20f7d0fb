using System.Runtime.InteropServices;

namespace WireGuard.Attestation.Interop;

// <openssl/asn1.h>
internal static unsafe partial class Libcrypto
{
    // -1, 0 or 1 as the first is earlier, the same or later; -2: it is not a time.
    [LibraryImport(Library)]
    internal static partial int ASN1_TIME_cmp_time_t(void* time, long seconds);
}
