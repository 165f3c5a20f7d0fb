using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// Looks up routes in the kernel (man 7 rtnetlink, RTM_GETROUTE), by its current routes, rules and addresses.
/// <code>nlmsghdr (16) | rtmsg (12) | attributes</code>
/// Owned by one thread.
/// </summary>
internal sealed class RouteQuery : IDisposable
{
    private readonly RouteSocket _socket = new();
    private readonly NetlinkAnswer _onAnswer;
    private Route? _route;
    private int _mtu;

    /// <exception cref="LinuxException">A netlink socket cannot be opened.</exception>
    public RouteQuery() => _onAnswer = OnAnswer;

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
        Span<byte> sockaddr = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        to.WriteSockaddr(sockaddr);
        ReadOnlySpan<byte> address = to.IsIPv6 ? sockaddr.Slice(8, 16) : sockaddr.Slice(4, 4);

        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.MaxSize], RTM_GETROUTE, 0);
        request.Append(new rtmsg
        {
            rtm_family = (byte)(to.IsIPv6 ? AF_INET6 : AF_INET),
            rtm_dst_len = (byte)(address.Length * 8),
            rtm_src_len = (byte)(from.Length * 8),
        });
        request.Add(RTA_DST, address);
        if (!from.IsEmpty)
            request.Add(RTA_SRC, from);
        if (to.IsIPv6 && to.ScopeId != 0)
            request.Add(RTA_OIF, to.ScopeId);
        if (mark != 0)
            request.Add(RTA_MARK, mark);
        request.Add(RTA_IP_PROTO, (byte)protocol);
        if (fromPort != 0)
            request.Add(RTA_SPORT, BinaryPrimitives.ReverseEndianness(fromPort));
        request.Add(RTA_DPORT, BinaryPrimitives.ReverseEndianness((ushort)to.Port));

        (_route, _mtu) = (null, 0);
        int result = _socket.Exchange(ref request, _onAnswer);
        route = _route ?? default;
        return result == 0 && _route is null ? -Errno.EPROTO : result;
    }

    /// <summary>As <see cref="TryAsk"/>, and the MTU that the route sets: 0 for that of its interface.</summary>
    public int TryAskMtu(EndpointAddress to, int protocol, uint mark, out Route route, out int mtu)
    {
        int result = TryAsk(to, [], protocol, fromPort: 0, mark, out route);
        mtu = _mtu;
        return result;
    }

    public void Dispose() => _socket.Dispose();

    private void OnAnswer(ushort type, ReadOnlySpan<byte> body)
    {
        if (type != RTM_NEWROUTE || body.Length < Unsafe.SizeOf<rtmsg>())
            return;
        var route = default(Route);
        var attribute = new NetlinkAttributes(body[Unsafe.SizeOf<rtmsg>()..]);
        while (attribute.MoveNext())
        {
            ReadOnlySpan<byte> value = attribute.Value;
            if (attribute.Type == RTA_METRICS)
                _mtu = RouteMessage.MtuOf(value);
            route = attribute.Type switch
            {
                RTA_OIF when value.Length == sizeof(int) => route with { Interface = MemoryMarshal.Read<int>(value) },
                RTA_GATEWAY => route with { Gateway = AddressBits(value) },
                RTA_VIA when value.Length > 2 => route with { Gateway = AddressBits(value[2..]) }, // an IPv6 next hop of IPv4
                RTA_PREFSRC => route with { Source = AddressBits(value) },
                _ => route,
            };
        }

        _route = route;
    }

    /// <summary>An address of 4 or 16 bytes as a number, 0 for none.</summary>
    public static UInt128 AddressBits(ReadOnlySpan<byte> address) => address.Length switch
    {
        4 => BinaryPrimitives.ReadUInt32BigEndian(address),
        16 => BinaryPrimitives.ReadUInt128BigEndian(address),
        _ => 0,
    };
}
