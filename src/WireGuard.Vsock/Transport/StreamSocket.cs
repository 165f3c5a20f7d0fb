using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>Opening VSOCK, TCP and Unix sockets, and setting them up. All are non-blocking.</summary>
internal static unsafe class StreamSocket
{
    /// <summary>
    /// Enough for a second of many connections, should control be busy for so long; the system may allow less (somaxconn).
    /// </summary>
    private const int Backlog = 1024;

    // A peer that vanishes is noticed after about 20 s: keepalives start after 15 s, and TCP_USER_TIMEOUT bounds the wait for
    // their answers as it does for data (tcp(7)).
    private const int KeepaliveIdleSeconds = 15;
    private const int KeepaliveIntervalSeconds = 5;
    private const int KeepaliveCount = 3;
    private const int UserTimeoutMs = 20_000;

    /// <summary>How much may wait unsent in a TCP socket: it adds delay.</summary>
    private const int NotSentLowWatermark = 128 * 1024;

    /// <summary>The buffer of a VSOCK socket, at each end; the default of 256 KB lasts for two round trips at best.</summary>
    private static readonly long VsockBufferSize = 1024 * 1024;

    /// <summary>Opens a listening socket on every address of its family.</summary>
    /// <param name="any">The wildcard address with the port.</param>
    /// <param name="mark">SO_MARK, 0 for none.</param>
    /// <exception cref="LinuxException">The port is taken, or the kernel lacks the family.</exception>
    public static int Listen(EndpointAddress any, uint mark)
    {
        Span<byte> address = stackalloc byte[sizeof(sockaddr_in6)];
        address = address[..any.WriteSockaddr(address)];
        int fd = Open(any, mark);
        try
        {
            if (!any.IsVsock)
                Sys.Check(Sys.SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1), "setsockopt SO_REUSEADDR");
            if (any.IsIPv6)
                Sys.Check(Sys.SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), "setsockopt IPV6_V6ONLY");
            Sys.Check(Sys.Bind(fd, address), $"bind to port {any.Port}");
            Sys.Check(Sys.Listen(fd, Backlog), "listen");
            return fd;
        }
        catch
        {
            Sys.Close(fd);
            throw;
        }
    }

    /// <summary>Listens at PATH_PORT for connections of the guest behind PATH.</summary>
    /// <param name="path">Whose owner and group may connect, since its monitor does.</param>
    /// <param name="port">Of the host, as the guest knows it.</param>
    /// <exception cref="LinuxException">As of <see cref="UnixListener.Open"/>.</exception>
    public static UnixListener ListenUnix(string path, uint port) =>
        UnixListener.Open(UnixAddress.ListeningPath(path, port), mode: 0b110_110_000, Backlog, ownerOf: path);

    /// <summary>Begins a connection. To a guest behind a Unix socket it then asks for the port.</summary>
    /// <returns>
    /// The socket, which becomes writable when the attempt has ended, or a negated errno. Behind a Unix socket the stream begins
    /// when <see cref="GuestConnect.Read"/> says so.
    /// </returns>
    public static int Connect(EndpointAddress to, uint mark)
    {
        Span<byte> address = stackalloc byte[EndpointAddress.MaxUnixSockaddrSize];
        address = address[..to.WriteSockaddr(address)];
        int fd;
        try
        {
            fd = Open(to, mark);
        }
        catch (LinuxException refused)
        {
            return -refused.Errno;
        }

        int result = Sys.Connect(fd, address);
        if (result >= 0 && to.IsUnix)
            result = GuestConnect.SendRequest(fd, to.Port);
        if (result >= 0 || result == -Errno.EINPROGRESS)
            return fd;
        Sys.Close(fd);
        return result;
    }

    /// <summary>How an attempt ended: 0, or the errno.</summary>
    public static int ConnectError(int fd)
    {
        int result = Sys.GetOption(fd, SOL_SOCKET, SO_ERROR, out int error);
        return result < 0 ? -result : error;
    }

    /// <summary>What a failure to connect means, in words that say what to mend.</summary>
    public static string ConnectProblem(EndpointAddress to, int errno) => errno switch
    {
        Errno.ENODEV when to.IsVsock => $"connect: {Errno.Text(errno)} (no vsock transport reaches CID {to.Cid})",
        // With virtio a port without a listener is not refused.
        Errno.ECONNRESET when to.IsVsock => $"connect: {Errno.Text(errno)} (nothing listens on port {to.Port} there)",
        Errno.ECONNRESET or Errno.EPIPE when to.IsUnix =>
            $"refused by {to.Path}: nothing listens on port {to.Port} in the guest, or it has not started",
        Errno.EPROTO when to.IsUnix => $"{to.Path} does not answer CONNECT with OK: it is no VSOCK socket of a guest",
        Errno.ETIMEDOUT when to.IsUnix => $"{to.Path} does not answer CONNECT: the guest is paused, or hangs",
        Errno.ECONNREFUSED when to.IsUnix => $"nothing listens at {to.Path}: the virtual machine does not run",
        Errno.ENOENT when to.IsUnix => $"there is no {to.Path}: the virtual machine does not run, or has another path",
        Errno.EAGAIN when to.IsUnix => $"{to.Path} accepts no connections: its queue is full",
        Errno.EACCES or Errno.EPERM when to.IsUnix => $"{to.Path}: {Errno.Text(errno)}: run as root, or as its owner",
        _ => $"connect: {Errno.Text(errno)}",
    };

    /// <summary>The port a listening socket is bound to.</summary>
    public static uint LocalPort(int fd)
    {
        Span<byte> address = stackalloc byte[sizeof(sockaddr_in6)];
        int length = Sys.Check(Sys.GetSockName(fd, address), "getsockname");
        return EndpointAddress.TryFromSockaddr(address[..length], out EndpointAddress local) ? local.Port : 0;
    }

    public static void SetMark(int fd, uint mark) => Sys.SetOption(fd, SOL_SOCKET, SO_MARK, (int)mark);

    /// <summary>
    /// Sets up a TCP socket before it listens or connects. Accepted connections inherit these options from their listener, which
    /// saves seven system calls each.
    /// </summary>
    private static void Tune(int fd)
    {
        Sys.SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        Sys.SetOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NotSentLowWatermark);
        Sys.SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UserTimeoutMs);
        Sys.SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        Sys.SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, KeepaliveIdleSeconds);
        Sys.SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, KeepaliveIntervalSeconds);
        Sys.SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, KeepaliveCount);
    }

    private static int Open(EndpointAddress address, uint mark)
    {
        if (address.IsUnix)
            return Sys.Check(Sys.Socket(AF_UNIX, SOCK_STREAM, 0), "socket AF_UNIX");
        int family = address.IsVsock ? AF_VSOCK : address.IsIPv6 ? AF_INET6 : AF_INET;
        int fd = Sys.Check(Sys.Socket(family, SOCK_STREAM, 0), $"socket {(address.IsVsock ? "AF_VSOCK" : "TCP")}");
        if (!address.IsVsock)
        {
            SetMark(fd, mark);
            Tune(fd);
            return fd;
        }

        // Set before listen and connect: an accepted socket inherits them. An older kernel does not know the options.
        ReadOnlySpan<byte> size = MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in VsockBufferSize));
        Sys.SetOption(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, size);
        Sys.SetOption(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, size);
        return fd;
    }
}
