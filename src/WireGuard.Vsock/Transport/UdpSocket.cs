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

    private const int BufferSize = 7 * 1024 * 1024;

    // Set by any lane that finds it out.
    private volatile bool _isSegmenting;

    private UdpSocket(int fd, bool isIPv6)
    {
        Fd = fd;
        IsIPv6 = isIPv6;
    }

    public int Fd { get; }

    public bool IsIPv6 { get; }

    /// <summary>
    /// Whether the kernel cuts one message into many datagrams (UDP_SEGMENT, since 4.18). An older one does not know the
    /// control message and would send it all as one datagram.
    /// </summary>
    public bool IsSegmenting => _isSegmenting;

    /// <summary>Opens and binds one to every address of its family.</summary>
    /// <param name="isIPv6">IPv6, and only that, or IPv4.</param>
    /// <param name="port">0 for an ephemeral one.</param>
    /// <param name="isShared">Whether sockets of other lanes share the port.</param>
    /// <param name="mark">SO_MARK, 0 for none.</param>
    /// <param name="offloads">What to have of the kernel, if it can.</param>
    /// <exception cref="LinuxException">It cannot be opened or bound.</exception>
    public static UdpSocket Open(bool isIPv6, ushort port, bool isShared, uint mark, UdpOffloads offloads)
    {
        int fd = Sys.Check(Sys.Socket(isIPv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), "socket");
        var socket = new UdpSocket(fd, isIPv6);
        try
        {
            if (isShared)
                Sys.Check(Sys.SetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1), "setsockopt SO_REUSEPORT");
            if (isIPv6)
            {
                Sys.Check(Sys.SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), "setsockopt IPV6_V6ONLY");
                Sys.Check(Sys.SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), "setsockopt IPV6_RECVPKTINFO");
            }
            else
            {
                Sys.Check(Sys.SetOption(fd, IPPROTO_IP, IP_PKTINFO, 1), "setsockopt IP_PKTINFO");
                // Datagrams go without DF, so that a path which is too narrow fragments them and does not lose them: the kernel's
                // WireGuard sends so too. Of the values that leave DF out, this one takes no path MTU from the network, which
                // anybody could forge and for which a train would be refused, and yet fragments what is longer than the device's.
                // IPv6 has no DF, and routers do not fragment: there a path MTU is heeded, as is the default.
                Sys.Check(Sys.SetOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT), "setsockopt IP_MTU_DISCOVER");
            }

            // Larger buffers are welcome, and none is a fault: without privilege the system's limit holds.
            foreach ((int forced, int asked) in ((int, int)[])[(SO_RCVBUFFORCE, SO_RCVBUF), (SO_SNDBUFFORCE, SO_SNDBUF)])
            {
                if (Sys.SetOption(fd, SOL_SOCKET, forced, BufferSize) < 0)
                    Sys.SetOption(fd, SOL_SOCKET, asked, BufferSize);
            }

            // The kernel's help with trains of datagrams, both ways. Without it, each goes and comes by itself.
            socket._isSegmenting =
                offloads.HasFlag(UdpOffloads.Segment) && Sys.GetOption(fd, IPPROTO_UDP, UDP_SEGMENT, out _) >= 0;
            if (offloads.HasFlag(UdpOffloads.Coalesce))
                Sys.SetOption(fd, IPPROTO_UDP, UDP_GRO, 1);
            // What the network says of congestion is passed on to inner packets. Without it, they say what they said.
            Sys.SetOption(fd, isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP, isIPv6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1);
            socket.SetMark(mark);
            Span<byte> address = stackalloc byte[sizeof(sockaddr_in6)];
            int length = EndpointAddress.Any(isIPv6, port).WriteSockaddr(address);
            Sys.Check(Sys.Bind(fd, address[..length]), $"bind to UDP port {port}");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
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

    /// <summary>Sends datagrams one by one from now on: a device on the way out cannot segment.</summary>
    public void StopSegmenting() => _isSegmenting = false;

    /// <summary>Sends one handshake message. What the network cannot take now is lost, as everywhere with UDP.</summary>
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
}
