using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/epoll.h (include/uapi/linux/eventpoll.h). struct epoll_event is in <see cref="EpollEvents"/>.</summary>
internal static unsafe partial class Libc
{
    public const uint EPOLLIN = 0x001;
    public const uint EPOLLOUT = 0x004;
    public const uint EPOLLERR = 0x008;
    public const uint EPOLLHUP = 0x010;

    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;
    public const int EPOLL_CLOEXEC = O_CLOEXEC;

    [LibraryImport(LibraryName)]
    public static partial int epoll_create1(int flags);

    [LibraryImport(LibraryName)]
    public static partial int epoll_ctl(int epoll, int operation, int fd, byte* epollEvent);

    [LibraryImport(LibraryName)]
    public static partial int epoll_wait(int epoll, byte* events, int maxEvents, int timeoutMs);
}
