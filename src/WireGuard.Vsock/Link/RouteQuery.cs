using System.Buffers.Binary;
using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// Looks up routes in the kernel (man 7 rtnetlink, RTM_GETROUTE), by its current routes, rules and addresses.
/// <code>nlmsghdr (16) | rtmsg (12) | attributes: rtattr (4) | value | padding to 4</code>
/// Control only.
/// </summary>
internal sealed unsafe class RouteQuery : IDisposable
{
    private const int HeaderSize = 16;
    private const int RouteSize = HeaderSize + 12;

    private readonly NetlinkSocket _netlink = new(NETLINK_ROUTE);

    private uint _lastSequence;

    /// <summary>Looks up the route to an address.</summary>
    /// <param name="to">An IP endpoint.</param>
    /// <param name="from">The source address to leave with, 4 or 16 bytes; empty to have the route choose one.</param>
    /// <param name="protocol">IPPROTO_UDP or IPPROTO_TCP: rules may match it, and ports.</param>
    /// <param name="fromPort">0 if not known.</param>
    /// <param name="mark">SO_MARK of the socket, 0 for none.</param>
    /// <param name="route">The answer.</param>
    /// <returns>0, or a negated errno: there is no route, or the source is no address of ours (IPv4 only).</returns>
    public int TryAsk(
        EndpointAddress to, ReadOnlySpan<byte> from, int protocol, ushort fromPort, uint mark, out Route route)
    {
        route = default;
        Span<byte> sockaddr = stackalloc byte[sizeof(sockaddr_in6)];
        to.WriteSockaddr(sockaddr);
        ReadOnlySpan<byte> address = to.IsIPv6 ? sockaddr.Slice(8, 16) : sockaddr.Slice(4, 4);

        Span<byte> message = stackalloc byte[256];
        var attributes = new AttributeWriter(message[RouteSize..]);
        attributes.Add(RTA_DST, address);
        if (!from.IsEmpty)
            attributes.Add(RTA_SRC, from);
        if (to.IsIPv6 && to.ScopeId != 0)
            attributes.Add(RTA_OIF, Bytes(to.ScopeId));
        if (mark != 0)
            attributes.Add(RTA_MARK, Bytes(mark));
        attributes.Add(RTA_IP_PROTO, [(byte)protocol]);
        if (fromPort != 0)
            attributes.Add(RTA_SPORT, Bytes(BinaryPrimitives.ReverseEndianness(fromPort)));
        attributes.Add(RTA_DPORT, Bytes(BinaryPrimitives.ReverseEndianness((ushort)to.Port)));

        int length = RouteSize + attributes.Length;
        MemoryMarshal.Write(message, new nlmsghdr
        {
            nlmsg_len = (uint)length,
            nlmsg_type = RTM_GETROUTE,
            nlmsg_flags = NLM_F_REQUEST,
            nlmsg_seq = ++_lastSequence,
        });
        MemoryMarshal.Write(message[HeaderSize..], new rtmsg
        {
            rtm_family = (byte)(to.IsIPv6 ? AF_INET6 : AF_INET),
            rtm_dst_len = (byte)(address.Length * 8),
            rtm_src_len = (byte)(from.Length * 8),
        });
        int sent = Sys.Send(_netlink.Fd, message[..length], 0);
        return sent < 0 ? sent : Receive(out route);
    }

    public void Dispose() => _netlink.Dispose();

    /// <summary>The answer is in the socket before the request's call has returned.</summary>
    private int Receive(out Route route)
    {
        route = default;
        Span<byte> buffer = stackalloc byte[2048];
        while (true)
        {
            int n = Sys.Recv(_netlink.Fd, buffer, MSG_DONTWAIT);
            if (n < 0)
                return n;
            if (n < HeaderSize)
                continue;
            nlmsghdr header = MemoryMarshal.Read<nlmsghdr>(buffer);
            if (header.nlmsg_seq != _lastSequence || header.nlmsg_len > (uint)n)
                continue;
            if (header.nlmsg_type == NLMSG_ERROR && n >= HeaderSize + sizeof(int))
                return Math.Min(MemoryMarshal.Read<int>(buffer[HeaderSize..]), -1);
            if (header.nlmsg_type != RTM_NEWROUTE || header.nlmsg_len < RouteSize)
                return -Errno.EPROTO;
            route = Read(buffer[RouteSize..(int)header.nlmsg_len]);
            return 0;
        }
    }

    private static Route Read(ReadOnlySpan<byte> attributes)
    {
        var route = default(Route);
        var attribute = new NetlinkAttributes(attributes);
        while (attribute.MoveNext())
        {
            ReadOnlySpan<byte> value = attribute.Value;
            route = attribute.Type switch
            {
                RTA_OIF when value.Length == sizeof(int) => route with { Interface = MemoryMarshal.Read<int>(value) },
                RTA_GATEWAY => route with { Gateway = AddressBits(value) },
                RTA_VIA when value.Length > 2 => route with { Gateway = AddressBits(value[2..]) }, // an IPv6 next hop of IPv4
                RTA_PREFSRC => route with { Source = AddressBits(value) },
                _ => route,
            };
        }

        return route;
    }

    /// <summary>An address of 4 or 16 bytes as a number, 0 for none.</summary>
    public static UInt128 AddressBits(ReadOnlySpan<byte> address) => address.Length switch
    {
        4 => BinaryPrimitives.ReadUInt32BigEndian(address),
        16 => BinaryPrimitives.ReadUInt128BigEndian(address),
        _ => 0,
    };

    private static ReadOnlySpan<byte> Bytes<T>(in T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));

    private ref struct AttributeWriter(Span<byte> buffer)
    {
        private readonly Span<byte> _buffer = buffer;

        public int Length { get; private set; }

        public void Add(ushort type, ReadOnlySpan<byte> value)
        {
            Span<byte> rest = _buffer[Length..];
            int length = sizeof(rtattr) + value.Length;
            MemoryMarshal.Write(rest, new rtattr { rta_len = (ushort)length, rta_type = type });
            value.CopyTo(rest[sizeof(rtattr)..]);
            rest[length..NetlinkAttributes.Align(length)].Clear();
            Length += NetlinkAttributes.Align(length);
        }
    }
}
