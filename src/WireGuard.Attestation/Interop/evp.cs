using System.Runtime.InteropServices;

namespace WireGuard.Attestation.Interop;

// <openssl/evp.h>
internal static unsafe partial class Libcrypto
{
    [LibraryImport(Library)]
    internal static partial int EVP_PKEY_get_group_name(void* key, byte* name, nuint size, nuint* length);

    [LibraryImport(Library)]
    internal static partial int EVP_PKEY_get_security_bits(void* key);

    [LibraryImport(Library)]
    internal static partial void* EVP_MD_CTX_new();

    [LibraryImport(Library)]
    internal static partial void EVP_MD_CTX_free(void* context);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int EVP_DigestVerifyInit_ex(
        void* context, void* keyContext, string digest, void* libraryContext, string? properties, void* key, void* parameters);

    [LibraryImport(Library)]
    internal static partial int EVP_DigestVerify(void* context, byte* signature, nuint signatureLength, byte* data, nuint length);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int EVP_Q_digest(
        void* libraryContext, string digest, string? properties, byte* data, nuint length, byte* hash, nuint* hashLength);
}
