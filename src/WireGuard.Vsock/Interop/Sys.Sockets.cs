using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Interop;

/// <summary>The socket calls. All results are counts or descriptors, or a negated errno.</summary>
internal static unsafe partial class Sys
{
    /// <summary>socket(2); non-blocking and close-on-exec are always added.</summary>
    public static int Socket(int domain, int type, int protocol) =>
        Result(socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));

    /// <summary>socketpair(2) of AF_UNIX; non-blocking and close-on-exec are always added.</summary>
    public static int SocketPair(int type, out int one, out int other)
    {
        int* ends = stackalloc int[2];
        int n = Result(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
        one = n < 0 ? -1 : ends[0];
        other = n < 0 ? -1 : ends[1];
        return n;
    }

    public static int Bind(int fd, ReadOnlySpan<byte> address)
    {
        fixed (byte* p = address) return Result(bind(fd, p, (uint)address.Length));
    }

    public static int Listen(int fd, int backlog) => Result(listen(fd, backlog));

    /// <summary>
    /// connect(2), without the EINTR loop of the others: an interrupted connect continues in the background, so it returns
    /// -EINPROGRESS.
    /// </summary>
    public static int Connect(int fd, ReadOnlySpan<byte> address)
    {
        int n;
        fixed (byte* p = address) n = Result(connect(fd, p, (uint)address.Length));
        return n == -Errno.EINTR ? -Errno.EINPROGRESS : n;
    }

    /// <summary>accept4(2): the new descriptor is non-blocking and close-on-exec.</summary>
    public static int Accept(int fd, Span<byte> address, out int addressLength)
    {
        int n;
        uint length = (uint)address.Length;
        fixed (byte* p = address)
        {
            do n = Result(accept4(fd, p, p == null ? null : &length, SOCK_NONBLOCK | SOCK_CLOEXEC)); while (n == -Errno.EINTR);
        }
        addressLength = n < 0 ? 0 : (int)Math.Min(length, (uint)address.Length);
        return n;
    }

    public static int Accept(int fd) => Accept(fd, [], out _);

    public static int Send(int fd, byte* buffer, nuint count, int flags)
    {
        int n;
        do n = Result(send(fd, buffer, count, flags)); while (n == -Errno.EINTR);
        return n;
    }

    public static int Send(int fd, ReadOnlySpan<byte> buffer, int flags)
    {
        fixed (byte* p = buffer) return Send(fd, p, (nuint)buffer.Length, flags);
    }

    public static int Recv(int fd, byte* buffer, nuint count, int flags)
    {
        int n;
        do n = Result(recv(fd, buffer, count, flags)); while (n == -Errno.EINTR);
        return n;
    }

    public static int Recv(int fd, Span<byte> buffer, int flags)
    {
        fixed (byte* p = buffer) return Recv(fd, p, (nuint)buffer.Length, flags);
    }

    public static int SendMsg(int fd, msghdr* message, int flags)
    {
        int n;
        do n = Result(sendmsg(fd, message, flags)); while (n == -Errno.EINTR);
        return n;
    }

    public static int RecvMsg(int fd, msghdr* message, int flags)
    {
        int n;
        do n = Result(recvmsg(fd, message, flags)); while (n == -Errno.EINTR);
        return n;
    }

    /// <summary>sendmmsg(2): how many messages were sent; the error of a later one is reported by the next call.</summary>
    public static int SendMMsg(int fd, mmsghdr* messages, int count, int flags)
    {
        int n;
        do n = Result(sendmmsg(fd, messages, (uint)count, flags)); while (n == -Errno.EINTR);
        return n;
    }

    /// <summary>recvmmsg(2) without its timeout, which does not work as documented (recvmmsg(2), BUGS).</summary>
    public static int RecvMMsg(int fd, mmsghdr* messages, int count, int flags)
    {
        int n;
        do n = Result(recvmmsg(fd, messages, (uint)count, flags, null)); while (n == -Errno.EINTR);
        return n;
    }

    public static int Shutdown(int fd, int how) => Result(shutdown(fd, how));

    public static int SetOption(int fd, int level, int name, int value) =>
        Result(setsockopt(fd, level, name, &value, sizeof(int)));

    public static int SetOption(int fd, int level, int name, ReadOnlySpan<byte> value)
    {
        fixed (byte* p = value) return Result(setsockopt(fd, level, name, p, (uint)value.Length));
    }

    public static int GetOption(int fd, int level, int name, out int value)
    {
        int read = 0;
        uint length = sizeof(int);
        int n = Result(getsockopt(fd, level, name, &read, &length));
        value = read;
        return n;
    }

    /// <summary>getsockname(2): the length of the address written into <paramref name="address"/>, or a negated errno.</summary>
    public static int GetSockName(int fd, Span<byte> address)
    {
        uint length = (uint)address.Length;
        int n;
        fixed (byte* p = address) n = Result(getsockname(fd, p, &length));
        return n < 0 ? n : (int)Math.Min(length, (uint)address.Length);
    }
}
