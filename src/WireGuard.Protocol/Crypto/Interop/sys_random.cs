using System.Runtime.InteropServices;

namespace WireGuard.Protocol.Crypto.Interop;

// <sys/random.h>
internal static unsafe partial class Libc
{
    internal const int EINTR = 4; // <errno.h>

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint getrandom(byte* buffer, nuint length, uint flags);
}
