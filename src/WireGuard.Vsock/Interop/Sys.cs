using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// The system calls as the daemon uses them: each gives a count or descriptor of zero and above, or the negated errno
/// (<c>-Errno.EAGAIN</c>), and none is ever interrupted (EINTR is retried here, nowhere else). Nothing allocates or throws.
/// <para>
/// errno is read from the C library after a failure only: the runtime preserves it across a P/Invoke's return, as
/// <c>SetLastError = true</c> needs too. So a call that succeeds costs nothing more.
/// </para>
/// </summary>
internal static unsafe partial class Sys
{
    /// <summary>Turns "-1 and errno" into "-errno".</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Result(nint result) => result >= 0 ? (int)result : -Marshal.GetLastSystemError();

    /// <summary>Throws a <see cref="LinuxException"/> if a result is a negated errno; else gives it back.</summary>
    public static int Check(int result, string call) => result >= 0 ? result : throw new LinuxException(call, -result);

    public static int Read(int fd, byte* buffer, nuint count)
    {
        int n;
        do n = Result(read(fd, buffer, count)); while (n == -Errno.EINTR);
        return n;
    }

    public static int Read(int fd, Span<byte> buffer)
    {
        fixed (byte* p = buffer) return Read(fd, p, (nuint)buffer.Length);
    }

    /// <summary>Whether the descriptor has a position: pipes, sockets and terminals have none.</summary>
    public static bool IsSeekable(int fd) => lseek(fd, 0, SEEK_CUR) >= 0;

    public static int Write(int fd, byte* buffer, nuint count)
    {
        int n;
        do n = Result(write(fd, buffer, count)); while (n == -Errno.EINTR);
        return n;
    }

    public static int Write(int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* p = buffer) return Write(fd, p, (nuint)buffer.Length);
    }

    /// <summary>writev(2): at most 1,024 pieces (IOV_MAX).</summary>
    public static int WriteV(int fd, iovec* pieces, int count)
    {
        int n;
        do n = Result(writev(fd, pieces, count)); while (n == -Errno.EINTR);
        return n;
    }

    /// <summary>
    /// Closes a descriptor. On Linux it is closed whatever close(2) returns, EINTR included, so there is nothing to retry.
    /// </summary>
    public static void Close(int fd) => _ = close(fd);

    /// <summary>open(2) with a path in UTF-8; O_CLOEXEC is always added.</summary>
    public static int Open(string path, int flags, uint mode = 0)
    {
        int n;
        do n = Result(open(path, flags | O_CLOEXEC, mode)); while (n == -Errno.EINTR);
        return n;
    }

    public static bool IsTerminal(int fd) => isatty(fd) == 1;

    /// <summary>How a descriptor was opened, and its status flags (F_GETFL).</summary>
    public static int OpenFlags(int fd) => Result(fcntl(fd, F_GETFL, 0));

    public static int SetOpenFlags(int fd, int flags) => Result(fcntl(fd, F_SETFL, flags));

    public static int SetNonBlocking(int fd)
    {
        int flags = Result(fcntl(fd, F_GETFL, 0));
        return flags < 0 ? flags : Result(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
    }

    /// <summary>Whether a child started by exec inherits the descriptor.</summary>
    public static int SetCloseOnExec(int fd, bool closes) => Result(fcntl(fd, F_SETFD, closes ? FD_CLOEXEC : 0));

    /// <summary>Whether a descriptor is open.</summary>
    /// <param name="fd">Its number.</param>
    /// <param name="isInherited">Whether a child started by exec inherits it.</param>
    public static bool IsOpen(int fd, out bool isInherited)
    {
        int flags = Result(fcntl(fd, F_GETFD, 0));
        isInherited = flags >= 0 && (flags & FD_CLOEXEC) == 0;
        return flags >= 0;
    }

    /// <summary>Sets close-on-exec on every descriptor from <paramref name="first"/> on. Linux 5.11.</summary>
    public static int CloseAllOnExec(uint first) => Result(close_range(first, uint.MaxValue, CLOSE_RANGE_CLOEXEC));

    public static int Ioctl(int fd, ulong request, void* argument) => Result(ioctl(fd, (nuint)request, argument));

    /// <summary>
    /// The inode of the network namespace of a socket (<see cref="SIOCGSKNS"/>, Linux 4.10) or of a TUN interface
    /// (<see cref="TUNGETDEVNETNS"/>, Linux 5.2); null if the kernel does not say, which takes CAP_NET_ADMIN there.
    /// </summary>
    public static ulong? NetworkNamespace(int fd, uint request)
    {
        int result = Ioctl(fd, request, null);
        if (result < 0)
            return null;
        using FileDescriptor found = new(result);
        return Stat(found.Fd, out statx_t status) < 0 ? null : status.stx_ino;
    }

    /// <summary>A pipe whose ends are close-on-exec.</summary>
    public static int Pipe(out int readEnd, out int writeEnd)
    {
        int* ends = stackalloc int[2];
        int n = Result(pipe2(ends, O_CLOEXEC));
        readEnd = n < 0 ? -1 : ends[0];
        writeEnd = n < 0 ? -1 : ends[1];
        return n;
    }

    public static int Unlink(string path) => Result(unlink(path));

    public static int MakeDirectory(string path, uint mode) => Result(mkdir(path, mode));

    /// <summary>statx(2) of a path itself (a symbolic link is not followed): the basic fields.</summary>
    public static int Stat(string path, out statx_t status)
    {
        fixed (statx_t* p = &status) return Result(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, p));
    }

    /// <summary>statx(2) of an open file: the basic fields.</summary>
    public static int Stat(int fd, out statx_t status)
    {
        fixed (statx_t* p = &status) return Result(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, p));
    }

    /// <summary>Has a descriptor's number mean what another does.</summary>
    public static int Duplicate(int fd, int onto) => Result(dup2(fd, onto));

    /// <summary>Without a terminal. -EPERM in a process that leads a group.</summary>
    public static int BeginSession() => Result(setsid());

    public static int ChangeDirectory(string path) => Result(chdir(path));

    public static int WaitPid(int pid, int* status)
    {
        int n;
        do n = Result(waitpid(pid, status, 0)); while (n == -Errno.EINTR);
        return n;
    }

    public static void Ignore(int number) => _ = signal(number, SIG_IGN);

    /// <summary>
    /// Ignores SIGPIPE and SIGXFSZ, so that a write to a closed connection or to a log that is too large fails instead of ending
    /// the process.
    /// </summary>
    public static void LetWritesFail()
    {
        _ = signal(SIGPIPE, SIG_IGN);
        _ = signal(SIGXFSZ, SIG_IGN);
    }

    /// <summary>
    /// <see cref="LetWritesFail"/>; and takes back the default of SIGINT and SIGQUIT, which a shell's background jobs ignore.
    /// </summary>
    public static void SetSignals()
    {
        LetWritesFail();
        _ = signal(SIGINT, SIG_DFL);
        _ = signal(SIGQUIT, SIG_DFL);
    }

    /// <summary>This machine's VSOCK CID; null where it cannot be told, as in a container that has no /dev/vsock.</summary>
    public static uint? LocalCid()
    {
        int fd = Open("/dev/vsock", O_RDONLY);
        if (fd < 0)
            return null;
        uint cid;
        int result = Ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid);
        Close(fd);
        return result < 0 || cid == VMADDR_CID_ANY ? null : cid;
    }

    /// <summary>The interface's index in the namespace this thread is in; 0 if there is none of that name.</summary>
    public static uint InterfaceIndex(string name) => if_nametoindex(name);

    /// <summary>Raises RLIMIT_NOFILE to its hard limit.</summary>
    /// <returns>How many descriptors may be open then, or a negated errno.</returns>
    public static long RaiseDescriptorLimit()
    {
        rlimit limit;
        int n = Result(getrlimit(RLIMIT_NOFILE, &limit));
        if (n < 0) return n;
        limit.rlim_cur = limit.rlim_max;
        n = Result(setrlimit(RLIMIT_NOFILE, &limit));
        return n < 0 ? n : (long)Math.Min(limit.rlim_max, int.MaxValue);
    }

    /// <summary>Raises RLIMIT_MEMLOCK, as far as this process may: what it locks is its keys.</summary>
    public static void RaiseLockedMemoryLimit(nuint wanted)
    {
        rlimit limit;
        if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur >= wanted) return;
        var raised = new rlimit { rlim_cur = wanted, rlim_max = Math.Max(wanted, limit.rlim_max) };
        if (setrlimit(RLIMIT_MEMLOCK, &raised) == 0) return;
        limit.rlim_cur = Math.Min(wanted, limit.rlim_max); // without CAP_SYS_RESOURCE
        _ = setrlimit(RLIMIT_MEMLOCK, &limit);
    }
}
