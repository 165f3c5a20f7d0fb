using System.Runtime.InteropServices;

namespace WireGuard.Attestation.Interop;

// <openssl/stack.h>: STACK_OF(X509) is one of these.
internal static unsafe partial class Libcrypto
{
    [LibraryImport(Library)]
    internal static partial void* OPENSSL_sk_new_null();

    [LibraryImport(Library)]
    internal static partial void OPENSSL_sk_free(void* stack);

    [LibraryImport(Library)]
    internal static partial int OPENSSL_sk_push(void* stack, void* item);

    [LibraryImport(Library)]
    internal static partial int OPENSSL_sk_num(void* stack);

    [LibraryImport(Library)]
    internal static partial void* OPENSSL_sk_value(void* stack, int index);
}
