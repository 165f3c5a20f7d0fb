using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/eventfd.h (include/uapi/linux/eventfd.h).</summary>
internal static partial class Libc
{
    public const int EFD_CLOEXEC = O_CLOEXEC;
    public const int EFD_NONBLOCK = O_NONBLOCK;

    [LibraryImport(LibraryName)]
    public static partial int eventfd(uint count, int flags);
}
