using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace WireGuard.Protocol.Crypto.Interop;

// OpenSSL 3's libcrypto, as much of it as WireGuard needs. One partial file a native header, under native names. Pointers are
// raw: their owners live as long as a thread or the process, and a SafeHandle's reference count would be paid once a packet.
internal static unsafe partial class Libcrypto
{
    private const string Library = "libcrypto.so.3";

    // libcrypto's functions answer 1, or 0 and less when they failed; those that return a pointer answer null.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Check(int result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result <= 0) Throw(call);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void* Check(void* result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result == null) Throw(call);
        return result;
    }

    [DoesNotReturn]
    internal static void Throw(string call)
    {
        int end = call.IndexOf('(', StringComparison.Ordinal);
        throw new CryptoLibraryException(end < 0 ? call : call[..end]);
    }
}
