using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>poll.h (include/uapi/asm-generic/poll.h).</summary>
internal static unsafe partial class Libc
{
    public const short POLLIN = 0x1;
    public const short POLLOUT = 0x4;
    public const short POLLERR = 0x8;
    public const short POLLHUP = 0x10;

    [StructLayout(LayoutKind.Sequential)]
    public struct pollfd
    {
        public int fd;
        public short events;
        public short revents;
    }

    [LibraryImport(LibraryName)]
    public static partial int poll(pollfd* fds, nuint count, int timeoutMs);
}
