using System.Runtime.InteropServices;

namespace WireGuard.Protocol.Crypto.Interop;

// <openssl/evp.h>
internal static unsafe partial class Libcrypto
{
    internal const int EVP_PKEY_KEYPAIR = 0x87; // EVP_PKEY_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_PRIVATE_KEY

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void* EVP_CIPHER_fetch(void* libraryContext, string algorithm, string? properties);

    [LibraryImport(Library)]
    internal static partial void* EVP_CIPHER_CTX_new();

    [LibraryImport(Library)]
    internal static partial void EVP_CIPHER_CTX_free(void* context);

    [LibraryImport(Library)]
    internal static partial int EVP_EncryptInit_ex2(void* context, void* cipher, byte* key, byte* iv, OSSL_PARAM* parameters);

    [LibraryImport(Library)]
    internal static partial int EVP_EncryptUpdate(void* context, byte* output, int* outputLength, byte* input, int inputLength);

    [LibraryImport(Library)]
    internal static partial int EVP_EncryptFinal_ex(void* context, byte* output, int* outputLength);

    [LibraryImport(Library)]
    internal static partial int EVP_DecryptInit_ex2(void* context, void* cipher, byte* key, byte* iv, OSSL_PARAM* parameters);

    [LibraryImport(Library)]
    internal static partial int EVP_DecryptUpdate(void* context, byte* output, int* outputLength, byte* input, int inputLength);

    [LibraryImport(Library)]
    internal static partial int EVP_DecryptFinal_ex(void* context, byte* output, int* outputLength);

    [LibraryImport(Library)]
    internal static partial int EVP_CIPHER_CTX_get_params(void* context, OSSL_PARAM* parameters);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void* EVP_MD_fetch(void* libraryContext, string algorithm, string? properties);

    [LibraryImport(Library)]
    internal static partial void* EVP_MD_CTX_new();

    [LibraryImport(Library)]
    internal static partial void EVP_MD_CTX_free(void* context);

    [LibraryImport(Library)]
    internal static partial int EVP_DigestInit_ex2(void* context, void* digest, OSSL_PARAM* parameters);

    [LibraryImport(Library)]
    internal static partial int EVP_DigestUpdate(void* context, byte* input, nuint length);

    [LibraryImport(Library)]
    internal static partial int EVP_DigestFinal_ex(void* context, byte* digest, uint* length);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void* EVP_MAC_fetch(void* libraryContext, string algorithm, string? properties);

    [LibraryImport(Library)]
    internal static partial void* EVP_MAC_CTX_new(void* mac);

    [LibraryImport(Library)]
    internal static partial void EVP_MAC_CTX_free(void* context);

    [LibraryImport(Library)]
    internal static partial int EVP_MAC_CTX_set_params(void* context, OSSL_PARAM* parameters);

    [LibraryImport(Library)]
    internal static partial int EVP_MAC_init(void* context, byte* key, nuint keyLength, OSSL_PARAM* parameters);

    [LibraryImport(Library)]
    internal static partial int EVP_MAC_update(void* context, byte* input, nuint length);

    [LibraryImport(Library)]
    internal static partial int EVP_MAC_final(void* context, byte* output, nuint* outputLength, nuint outputSize);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void* EVP_PKEY_CTX_new_from_name(void* libraryContext, string name, string? properties);

    [LibraryImport(Library)]
    internal static partial void* EVP_PKEY_CTX_new_from_pkey(void* libraryContext, void* key, byte* properties);

    [LibraryImport(Library)]
    internal static partial void EVP_PKEY_CTX_free(void* context);

    [LibraryImport(Library)]
    internal static partial int EVP_PKEY_fromdata_init(void* context);

    [LibraryImport(Library)]
    internal static partial int EVP_PKEY_fromdata(void* context, void** key, int selection, OSSL_PARAM* parameters);

    [LibraryImport(Library)]
    internal static partial void EVP_PKEY_free(void* key);

    [LibraryImport(Library)]
    internal static partial int EVP_PKEY_derive_init(void* context);

    [LibraryImport(Library)]
    internal static partial int EVP_PKEY_derive_set_peer_ex(void* context, void* peer, int validate);

    [LibraryImport(Library)]
    internal static partial int EVP_PKEY_derive(void* context, byte* secret, nuint* length);
}
