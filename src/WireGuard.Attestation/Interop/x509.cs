using System.Runtime.InteropServices;

namespace WireGuard.Attestation.Interop;

// <openssl/x509.h>
internal static unsafe partial class Libcrypto
{
    [LibraryImport(Library)]
    internal static partial void* d2i_X509(void* reuse, byte** input, nint length);

    [LibraryImport(Library)]
    internal static partial int i2d_X509(void* certificate, byte** output);

    [LibraryImport(Library)]
    internal static partial void X509_free(void* certificate);

    [LibraryImport(Library)]
    internal static partial int X509_cmp(void* left, void* right);

    [LibraryImport(Library)]
    internal static partial void* X509_get0_notBefore(void* certificate);

    [LibraryImport(Library)]
    internal static partial void* X509_get0_notAfter(void* certificate);

    [LibraryImport(Library)]
    internal static partial void* X509_get0_pubkey(void* certificate);

    [LibraryImport(Library)]
    internal static partial int X509_get_ext_count(void* certificate);

    [LibraryImport(Library)]
    internal static partial void* X509_get_ext(void* certificate, int index);

    [LibraryImport(Library)]
    internal static partial void* X509_EXTENSION_get_object(void* extension);

    [LibraryImport(Library)]
    internal static partial int X509_EXTENSION_get_critical(void* extension);
}
