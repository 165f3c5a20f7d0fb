using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Routing;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// A route to an interface, made as `ip route add DESTINATION dev INTERFACE [table TABLE]` makes it.
/// <code>nlmsghdr (16) | rtmsg (12) | attributes</code>
/// </summary>
/// <param name="Destination">Where to.</param>
/// <param name="Interface">The interface's index; 0 if it has several next hops.</param>
/// <param name="Table">Which table it is in.</param>
/// <param name="Protocol">Which program made it, RTPROT_....</param>
/// <param name="Scope">How far the destination is, RT_SCOPE_....</param>
/// <param name="Type">RTN_UNICAST or its like.</param>
/// <param name="Metric">Lower ones go first.</param>
/// <param name="Mtu">The MTU that it sets; 0 for the interface's.</param>
/// <param name="HasOthers">It says more, such as a gateway or a source; never one of ours.</param>
internal readonly record struct RouteMessage(
    IpPrefix Destination,
    int Interface,
    uint Table,
    byte Protocol,
    byte Scope,
    byte Type,
    uint Metric,
    int Mtu = 0,
    bool HasOthers = false) : IRouteMessage<RouteMessage>
{
    /// <summary>IP6_RT_PRIO_USER: the metric of IPv6 routes that say none.</summary>
    private const uint DefaultMetricOfIPv6 = 1024;

    public static ushort NewType => RTM_NEWROUTE;

    private static int Size => Unsafe.SizeOf<rtmsg>();

    /// <summary>The route as `ip` makes it.</summary>
    public static RouteMessage To(IpPrefix destination, int link, uint table = RT_TABLE_MAIN) => destination.IsIPv6
        ? new(destination, link, table, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST, DefaultMetricOfIPv6)
        : new(destination, link, table, RTPROT_BOOT, RT_SCOPE_LINK, RTN_UNICAST, Metric: 0);

    /// <summary>Reads the text of a route of ours, a line of a state file: 10.0.0.0/8 table 254.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, int link, out RouteMessage route)
    {
        const string Word = " table ";
        route = default;
        int word = text.IndexOf(Word);
        if (word < 0 || !IpPrefix.TryParse(text[..word], out IpPrefix destination)
            || !DecimalText.TryParse(text[(word + Word.Length)..], uint.MaxValue, out uint table))
        {
            return false;
        }

        route = To(destination, link, table);
        return true;
    }

    public static void WriteFilter(in RouteFilter filter, ref NetlinkRequest request)
    {
        request.Append(new rtmsg { rtm_family = (byte)(filter.IsIPv6 ? AF_INET6 : AF_INET) });
        if (filter.Table != 0)
            request.Add(RTA_TABLE, filter.Table);
        if (filter.Interface != 0)
            request.Add(RTA_OIF, filter.Interface);
    }

    public static bool TryRead(ReadOnlySpan<byte> body, out RouteMessage message)
    {
        message = default;
        if (!MemoryMarshal.TryRead(body, out rtmsg head) || head.rtm_family is not ((byte)AF_INET or (byte)AF_INET6))
            return false;
        if (head.rtm_dst_len > (head.rtm_family == AF_INET6 ? 128 : 32) || (head.rtm_flags & RTM_F_CLONED) != 0)
            return false;
        message = new RouteMessage(
            Prefix(head, []), 0, head.rtm_table, head.rtm_protocol, head.rtm_scope, head.rtm_type, Metric: 0)
        {
            HasOthers = head.rtm_src_len != 0 || head.rtm_tos != 0,
        };
        var attribute = new NetlinkAttributes(body[Size..]);
        while (attribute.MoveNext()) message = message.With(attribute.Type, attribute.Value, head);
        return true;
    }

    /// <summary>The MTU that RTA_METRICS sets; 0 for none.</summary>
    public static int MtuOf(ReadOnlySpan<byte> metrics)
    {
        var metric = new NetlinkAttributes(metrics);
        while (metric.MoveNext())
        {
            if (metric.Type == RTAX_MTU && MemoryMarshal.TryRead(metric.Value, out int mtu))
                return mtu;
        }

        return 0;
    }

    public void Write(ref NetlinkRequest request)
    {
        request.Append(new rtmsg
        {
            rtm_family = (byte)(Destination.IsIPv6 ? AF_INET6 : AF_INET),
            rtm_dst_len = Destination.Length,
            rtm_table = (byte)(Table < 256 ? Table : 0),
            rtm_protocol = Protocol,
            rtm_scope = Scope,
            rtm_type = Type,
        });
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Destination.Address);
        request.Add(RTA_DST, bytes[..(Destination.IsIPv6 ? 16 : 4)]);
        if (Table >= 256)
            request.Add(RTA_TABLE, Table);
        request.Add(RTA_OIF, Interface);
        if (Metric != 0)
            request.Add(RTA_PRIORITY, Metric);
    }

    public bool IsOf(in RouteFilter filter) => Destination.IsIPv6 == filter.IsIPv6
        && (filter.Interface == 0 || Interface == filter.Interface) && (filter.Table == 0 || Table == filter.Table);

    /// <summary>Whether it is a route to all of that prefix: `ip route show match PREFIX`.</summary>
    public bool Covers(IpPrefix prefix) => Destination.IsIPv6 == prefix.IsIPv6 && Destination.Length <= prefix.Length
        && (Destination.Length == 0 || (Destination.Address ^ prefix.Address) >> (128 - Destination.Length) == 0);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Destination} table {Table}");

    private RouteMessage With(int type, ReadOnlySpan<byte> value, in rtmsg head) => type switch
    {
        RTA_DST => this with { Destination = Prefix(head, value) },
        RTA_OIF when MemoryMarshal.TryRead(value, out int link) => this with { Interface = link },
        RTA_TABLE when MemoryMarshal.TryRead(value, out uint table) => this with { Table = table },
        RTA_PRIORITY when MemoryMarshal.TryRead(value, out uint metric) => this with { Metric = metric },
        RTA_METRICS => this with { Mtu = MtuOf(value) },
        RTA_CACHEINFO or RTA_PREF => this,
        _ => this with { HasOthers = true },
    };

    private static IpPrefix Prefix(in rtmsg head, ReadOnlySpan<byte> address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        address[..Math.Min(address.Length, bytes.Length)].CopyTo(bytes);
        UInt128 bits = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return head.rtm_family == AF_INET6
            ? IpPrefix.IPv6(bits, head.rtm_dst_len)
            : IpPrefix.IPv4((uint)(bits >> 96), head.rtm_dst_len);
    }
}
