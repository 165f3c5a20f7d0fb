using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// netinet/in.h, netinet/tcp.h and netinet/udp.h (include/uapi/linux/in.h, in6.h, tcp.h, udp.h). Ports and addresses are in
/// network order, save where a name says otherwise.
/// </summary>
internal static unsafe partial class Libc
{
    public const int IPPROTO_IP = 0;
    public const int IPPROTO_TCP = 6;
    public const int IPPROTO_UDP = 17;
    public const int IPPROTO_IPV6 = 41;

    public const int IP_TOS = 1;
    public const int IP_PKTINFO = 8;
    public const int IP_MTU_DISCOVER = 10;
    public const int IP_RECVERR = 11;
    public const int IP_RECVTOS = 13;

    /// <summary>No DF; the device's MTU alone counts, and what is longer is fragmented. Linux 3.15.</summary>
    public const int IP_PMTUDISC_OMIT = 5;

    public const int IPV6_V6ONLY = 26;
    public const int IPV6_RECVPKTINFO = 49;
    public const int IPV6_PKTINFO = 50;
    public const int IPV6_RECVERR = 25;
    public const int IPV6_RECVTCLASS = 66;
    public const int IPV6_TCLASS = 67;

    public const int TCP_NODELAY = 1;
    public const int TCP_KEEPIDLE = 4;
    public const int TCP_KEEPINTVL = 5;
    public const int TCP_KEEPCNT = 6;
    public const int TCP_USER_TIMEOUT = 18;
    public const int TCP_NOTSENT_LOWAT = 25;

    /// <summary>Option, and control message with a ushort: the kernel segments a message into datagrams of that size.</summary>
    public const int UDP_SEGMENT = 103;

    /// <summary>Option: the kernel may coalesce datagrams into one message. Control message with an int: their length.</summary>
    public const int UDP_GRO = 104;

    [StructLayout(LayoutKind.Sequential)]
    public struct sockaddr_in
    {
        public ushort sin_family;
        public ushort sin_port;
        public uint sin_addr;
        private readonly ulong sin_zero;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct sockaddr_in6
    {
        public ushort sin6_family;
        public ushort sin6_port;
        public uint sin6_flowinfo;
        public fixed byte sin6_addr[16];

        /// <summary>An interface's index, in host order.</summary>
        public uint sin6_scope_id;
    }

    /// <summary>
    /// Control message IP_PKTINFO: the interface (host order), the address to send from, the address received on.
    /// </summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct in_pktinfo
    {
        public int ipi_ifindex;
        public uint ipi_spec_dst;
        public uint ipi_addr;
    }

    /// <summary>Control message IPV6_PKTINFO: the address received on or to send from, and the interface (host order).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct in6_pktinfo
    {
        public fixed byte ipi6_addr[16];
        public uint ipi6_ifindex;
    }
}
