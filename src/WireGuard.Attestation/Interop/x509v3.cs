using System.Runtime.InteropServices;

namespace WireGuard.Attestation.Interop;

// <openssl/x509v3.h>
internal static unsafe partial class Libcrypto
{
    internal const uint EXFLAG_KUSAGE = 0x2;
    internal const uint EXFLAG_CA = 0x10;
    internal const uint EXFLAG_INVALID = 0x80;
    internal const uint EXFLAG_SS = 0x2000; // self-signed

    internal const uint KU_DIGITAL_SIGNATURE = 0x80;
    internal const uint KU_KEY_CERT_SIGN = 0x4;

    [LibraryImport(Library)]
    internal static partial uint X509_get_extension_flags(void* certificate);

    [LibraryImport(Library)]
    internal static partial uint X509_get_key_usage(void* certificate);

    // X509_V_OK, or why the first cannot have issued the second, by their names, identifiers and key usage: not by a signature.
    [LibraryImport(Library)]
    internal static partial int X509_check_issued(void* issuer, void* subject);
}
