using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// One UDP socket of one address family. With several lanes each has its own on the same port (SO_REUSEPORT), and the kernel
/// spreads the peers over them.
/// </summary>
internal sealed unsafe class UdpSocket : IDisposable
{
    /// <summary>The DS field of handshake messages: AF41, as the kernel's WireGuard sends them.</summary>
    public const int HandshakeTrafficClass = 0x88;

    /// <summary>Of both buffers, in bytes.</summary>
    public const int BufferSize = 7 * 1024 * 1024;

    // Any lane may clear it.
    private volatile bool _isSegmenting;

    private UdpSocket(int fd, bool isIPv6)
    {
        Fd = fd;
        IsIPv6 = isIPv6;
        HasLargeBuffers = Enlarge(SO_RCVBUFFORCE, SO_RCVBUF) & Enlarge(SO_SNDBUFFORCE, SO_SNDBUF);
    }

    public int Fd { get; }

    public bool IsIPv6 { get; }

    /// <summary>
    /// Whether they are as large as they should be. Without privilege the system's limit holds, which is no fault.
    /// </summary>
    public bool HasLargeBuffers { get; }

    /// <summary>
    /// Whether the kernel segments one message into many datagrams (UDP_SEGMENT, since 4.18). An older kernel ignores the control
    /// message and would send one datagram.
    /// </summary>
    public bool IsSegmenting => _isSegmenting;

    /// <summary>Opens and binds one to every address of its family.</summary>
    /// <param name="isIPv6">IPv6, and only that, or IPv4.</param>
    /// <param name="port">0 for an ephemeral one.</param>
    /// <param name="isShared">Whether sockets of other lanes share the port.</param>
    /// <param name="mark">SO_MARK, 0 for none.</param>
    /// <param name="offloads">Which offloads to use, if the kernel has them.</param>
    /// <param name="reserve">Where one is taken from, while there are any.</param>
    /// <exception cref="LinuxException">It cannot be opened or bound.</exception>
    public static UdpSocket Open(
        bool isIPv6, ushort port, bool isShared, uint mark, UdpOffloads offloads, UdpReserve? reserve = null) =>
        Open(EndpointAddress.Any(isIPv6, port), isShared, mark, offloads, reserve);

    /// <summary>As the other, bound to that address.</summary>
    public static UdpSocket Open(
        EndpointAddress local, bool isShared, uint mark, UdpOffloads offloads, UdpReserve? reserve = null)
    {
        UdpSocket socket = reserve?.TryTake(local.IsIPv6) ?? Make(local.IsIPv6);
        try
        {
            if (isShared)
                Sys.Check(Sys.SetOption(socket.Fd, SOL_SOCKET, SO_REUSEPORT, 1), "setsockopt SO_REUSEPORT");
            socket.SetUp(offloads);
            socket.SetMark(mark);
            Span<byte> address = stackalloc byte[sizeof(sockaddr_in6)];
            Sys.Check(Sys.Bind(socket.Fd, address[..local.WriteSockaddr(address)]), $"bind to UDP port {local.Port}");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Opens one that is connected: it sends to that address, and receives from there alone.</summary>
    /// <param name="error">The errno with which that failed: descriptors are short, or there is no route.</param>
    /// <returns>Null if it failed.</returns>
    public static UdpSocket? TryConnect(EndpointAddress to, UdpOffloads offloads, out int error)
    {
        if (TryMake(to.IsIPv6, out error) is not { } socket)
            return null;
        socket.SetUp(offloads);
        Span<byte> address = stackalloc byte[sizeof(sockaddr_in6)];
        error = -Sys.Connect(socket.Fd, address[..to.WriteSockaddr(address)]);
        if (error <= 0)
            return socket;
        socket.Dispose();
        return null;
    }

    /// <summary>Makes one that is not bound yet.</summary>
    /// <returns>Null if it failed.</returns>
    public static UdpSocket? TryMake(bool isIPv6, out int error)
    {
        int fd = Sys.Socket(isIPv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
        error = -fd;
        return fd < 0 ? null : new UdpSocket(fd, isIPv6);
    }

    public ushort LocalPort
    {
        get
        {
            Span<byte> address = stackalloc byte[sizeof(sockaddr_in6)];
            int length = Sys.Check(Sys.GetSockName(Fd, address), "getsockname");
            return EndpointAddress.TryFromSockaddr(address[..length], out EndpointAddress local) ? (ushort)local.Port : (ushort)0;
        }
    }

    public void SetMark(uint mark) => Sys.SetOption(Fd, SOL_SOCKET, SO_MARK, (int)mark);

    /// <summary>Sends datagrams one by one from now on: the device cannot segment.</summary>
    public void StopSegmenting() => _isSegmenting = false;

    /// <summary>Sends one handshake message. It is lost if the socket is full, as with any UDP.</summary>
    /// <returns>0 or above, or a negated errno.</returns>
    public int SendHandshake(ReadOnlySpan<byte> message, UdpDestination destination)
    {
        byte* control = stackalloc byte[UdpDestination.ControlSize];
        fixed (byte* p = message)
        {
            var piece = new iovec { iov_base = p, iov_len = (nuint)message.Length };
            var header = new msghdr { msg_iov = &piece, msg_iovlen = 1 };
            destination.Apply(&header, control, HandshakeTrafficClass);
            return Sys.SendMsg(Fd, &header, MSG_NOSIGNAL);
        }
    }

    public void Dispose() => Sys.Close(Fd);

    private static UdpSocket Make(bool isIPv6) =>
        TryMake(isIPv6, out int error) ?? throw new LinuxException("socket", error);

    private bool Enlarge(int forced, int asked)
    {
        if (Sys.SetOption(Fd, SOL_SOCKET, forced, BufferSize) >= 0)
            return true;
        // The kernel doubles what it is given, and says so.
        return Sys.SetOption(Fd, SOL_SOCKET, asked, BufferSize) >= 0
            && Sys.GetOption(Fd, SOL_SOCKET, asked, out int size) >= 0 && size >= 2 * BufferSize;
    }

    private void SetUp(UdpOffloads offloads)
    {
        if (IsIPv6)
        {
            Sys.Check(Sys.SetOption(Fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), "setsockopt IPV6_V6ONLY");
            Sys.Check(Sys.SetOption(Fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), "setsockopt IPV6_RECVPKTINFO");
        }
        else
        {
            Sys.Check(Sys.SetOption(Fd, IPPROTO_IP, IP_PKTINFO, 1), "setsockopt IP_PKTINFO");
            // Without DF, as the kernel's WireGuard: a narrow path fragments datagrams and loses none. IP_PMTUDISC_OMIT also
            // ignores path MTUs from the network, which can be forged and for which a train would be refused, and
            // fragments what is longer than the device's MTU. IPv6 routers do not fragment: there the default, which follows
            // the path MTU, stays.
            Sys.Check(Sys.SetOption(Fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT), "setsockopt IP_MTU_DISCOVER");
        }

        // Offloads for trains of datagrams in both directions. Without them, each datagram is sent and received by itself.
        _isSegmenting = offloads.HasFlag(UdpOffloads.Segment) && Sys.GetOption(Fd, IPPROTO_UDP, UDP_SEGMENT, out _) >= 0;
        if (offloads.HasFlag(UdpOffloads.Coalesce))
            Sys.SetOption(Fd, IPPROTO_UDP, UDP_GRO, 1);
        // The ECN bits of received datagrams are passed on to inner packets.
        Sys.SetOption(Fd, IsIPv6 ? IPPROTO_IPV6 : IPPROTO_IP, IsIPv6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1);
    }
}
