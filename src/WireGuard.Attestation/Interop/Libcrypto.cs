using System.Runtime.CompilerServices;

namespace WireGuard.Attestation.Interop;

// OpenSSL 3's libcrypto, as much of it as documents need. One partial file a native header, under native names.
internal static unsafe partial class Libcrypto
{
    private const string Library = "libcrypto.so.3";

    // For calls that fail for no input: memory ran out, or the library is broken.
    internal static void* Require(void* result, [CallerArgumentExpression(nameof(result))] string call = "") =>
        result != null ? result : throw new LibcryptoException(call);

    internal static void Require(int result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result <= 0) throw new LibcryptoException(call);
    }
}

internal sealed class LibcryptoException(string call) : Exception($"{call} failed");
