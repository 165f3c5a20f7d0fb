using System.Runtime.InteropServices;

namespace WireGuard.Attestation.Interop;

// <openssl/x509_vfy.h>
internal static unsafe partial class Libcrypto
{
    internal const int X509_V_OK = 0;
    internal const int X509_V_ERR_CERT_SIGNATURE_FAILURE = 7;
    internal const int X509_V_ERR_PATH_LENGTH_EXCEEDED = 25;
    internal const int X509_V_ERR_KEYUSAGE_NO_CERTSIGN = 32;
    internal const int X509_V_ERR_EE_KEY_TOO_SMALL = 66;
    internal const int X509_V_ERR_CA_KEY_TOO_SMALL = 67;
    internal const int X509_V_ERR_CA_MD_TOO_WEAK = 68;

    [LibraryImport(Library)]
    internal static partial void* X509_STORE_new();

    [LibraryImport(Library)]
    internal static partial void X509_STORE_free(void* store);

    [LibraryImport(Library)]
    internal static partial int X509_STORE_add_cert(void* store, void* certificate);

    [LibraryImport(Library)]
    internal static partial void* X509_STORE_CTX_new();

    [LibraryImport(Library)]
    internal static partial void X509_STORE_CTX_free(void* context);

    [LibraryImport(Library)]
    internal static partial int X509_STORE_CTX_init(void* context, void* store, void* leaf, void* untrusted);

    [LibraryImport(Library)]
    internal static partial void* X509_STORE_CTX_get0_param(void* context);

    [LibraryImport(Library)]
    internal static partial void X509_VERIFY_PARAM_set_time(void* parameters, long seconds);

    [LibraryImport(Library)]
    internal static partial void X509_VERIFY_PARAM_set_auth_level(void* parameters, int level);

    [LibraryImport(Library)]
    internal static partial int X509_verify_cert(void* context);

    [LibraryImport(Library)]
    internal static partial int X509_STORE_CTX_get_error(void* context);

    [LibraryImport(Library)]
    internal static partial void* X509_STORE_CTX_get0_chain(void* context);

    [LibraryImport(Library)]
    internal static partial byte* X509_verify_cert_error_string(nint error);
}
