using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Interop;

/// <summary>The calls of an event loop: epoll, eventfd, inotify and the clocks.</summary>
internal static unsafe partial class Sys
{
    public static int EpollCreate() => Result(epoll_create1(EPOLL_CLOEXEC));

    public static int EpollAdd(int epoll, int fd, uint events, ulong data) =>
        EpollControl(epoll, EPOLL_CTL_ADD, fd, events, data);

    public static int EpollModify(int epoll, int fd, uint events, ulong data) =>
        EpollControl(epoll, EPOLL_CTL_MOD, fd, events, data);

    public static int EpollDelete(int epoll, int fd) => EpollControl(epoll, EPOLL_CTL_DEL, fd, 0, 0);

    private static int EpollControl(int epoll, int operation, int fd, uint events, ulong data)
    {
        byte* one = stackalloc byte[EpollEvents.MaxStride];
        EpollEvents.Set(one, events, data);
        return Result(epoll_ctl(epoll, operation, fd, one));
    }

    /// <summary>
    /// epoll_wait(2): how many of <paramref name="events"/> were filled. An interrupted wait returns 0, since
    /// waiting again would take too long; the caller checks its deadlines anyway.
    /// </summary>
    /// <param name="epoll">The epoll descriptor.</param>
    /// <param name="events">Where the events go.</param>
    /// <param name="timeoutMs">Milliseconds; 0 does not wait, -1 waits for ever.</param>
    public static int EpollWait(int epoll, EpollEvents events, int timeoutMs)
    {
        int n = Result(epoll_wait(epoll, events.Pointer, events.Capacity, timeoutMs));
        return n == -Errno.EINTR ? 0 : n;
    }

    /// <summary>Whether a write would go without waiting: into a pipe, one of up to PIPE_BUF (4,096) bytes.</summary>
    public static bool IsWritable(int fd) => Poll(fd, POLLOUT, 0) is > 0 and var events && (events & POLLOUT) != 0;

    /// <summary>poll(2) of one descriptor: what has come about, 0 if nothing in time, or a negated errno.</summary>
    public static int Poll(int fd, short events, int timeoutMs)
    {
        pollfd one = new() { fd = fd, events = events };
        int n;
        do n = Result(poll(&one, 1, timeoutMs)); while (n == -Errno.EINTR);
        return n > 0 ? one.revents : n;
    }

    /// <summary>A non-blocking eventfd with a count of zero.</summary>
    public static int EventFd() => Result(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));

    /// <summary>Adds one to an eventfd, which wakes its waiters. An eventfd whose count is full is readable already.</summary>
    public static void EventFdSignal(int fd)
    {
        ulong one = 1;
        Write(fd, (byte*)&one, sizeof(ulong));
    }

    /// <summary>Sets an eventfd back to zero.</summary>
    public static void EventFdReset(int fd)
    {
        ulong count;
        Read(fd, (byte*)&count, sizeof(ulong));
    }

    public static int INotifyCreate() => Result(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));

    public static int INotifyAdd(int fd, string path, uint mask) => Result(inotify_add_watch(fd, path, mask));

    /// <summary>
    /// Milliseconds since boot, including time suspended (CLOCK_BOOTTIME): the protocol's <c>nowMs</c>.
    /// </summary>
    public static long BootMs() => Nanoseconds(CLOCK_BOOTTIME) / 1_000_000;

    /// <summary>Milliseconds since boot, excluding time suspended (CLOCK_MONOTONIC).</summary>
    public static long MonotonicMs() => Nanoseconds(CLOCK_MONOTONIC) / 1_000_000;

    /// <inheritdoc cref="MonotonicMs"/>
    public static long MonotonicUs() => Nanoseconds(CLOCK_MONOTONIC) / 1_000;

    /// <summary>The wall clock: seconds and nanoseconds since 1970 (CLOCK_REALTIME).</summary>
    public static void RealTime(out long seconds, out int nanoseconds)
    {
        timespec time;
        _ = clock_gettime(CLOCK_REALTIME, &time);
        seconds = time.tv_sec;
        nanoseconds = (int)time.tv_nsec;
    }

    private static long Nanoseconds(int clock)
    {
        timespec time;
        _ = clock_gettime(clock, &time);
        return time.tv_sec * 1_000_000_000 + time.tv_nsec;
    }
}
