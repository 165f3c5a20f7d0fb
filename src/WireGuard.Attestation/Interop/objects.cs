using System.Runtime.InteropServices;

namespace WireGuard.Attestation.Interop;

// <openssl/objects.h>
internal static unsafe partial class Libcrypto
{
    internal const int NID_key_usage = 83;
    internal const int NID_subject_alt_name = 85;
    internal const int NID_basic_constraints = 87;
    internal const int NID_name_constraints = 666;

    [LibraryImport(Library)]
    internal static partial int OBJ_obj2nid(void* identifier);
}
