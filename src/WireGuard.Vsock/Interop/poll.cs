using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>poll.h (include/uapi/asm-generic/poll.h).</summary>
internal static unsafe partial class Libc
{
    public const short POLLIN = 0x1;
    public const short POLLOUT = 0x4;

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
