using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// The MTU, mark, routes and rules of a tunnel, from its settings and what the kernel says: as Debian 12's wg-quick computes
/// them (wireguard-tools 1.0.20210914, src/wg-quick/linux.bash; in brackets, its functions).
/// </summary>
/// <param name="Mtu">Of the interface [set_mtu_up].</param>
/// <param name="FirewallMark">Of the daemon's sockets; null to leave it as it is [add_default].</param>
/// <param name="Routes">In the order in which they are made [cmd_up]. Those that are there already are left out later.</param>
internal sealed record TunnelPlan(int Mtu, uint? FirewallMark, IReadOnlyList<PlannedRoute> Routes)
{
    /// <summary>Over streams any MTU is carried; this is the usual one of WireGuard.</summary>
    private const int MtuOverStreams = 1420;

    /// <summary>What WireGuard, UDP and IPv6 take of a datagram.</summary>
    private const int OverheadOverUdp = 80;

    private const int UsualMtu = 1500;

    /// <summary>The first table, and mark, that is tried for default routes.</summary>
    private const uint FirstTable = 51820;

    /// <param name="settings">Of the tunnel.</param>
    /// <param name="kernel">Is asked.</param>
    /// <param name="ownTable">The table that it has for default routes already; 0 for none.</param>
    /// <exception cref="SetupException">The kernel lacks what the settings need.</exception>
    public static TunnelPlan Make(TunnelSettings settings, IKernelFacts kernel, uint ownTable = 0)
    {
        InterfaceSettings device = settings.Interface;
        List<IpPrefix> prefixes = [.. PrefixesIn(settings)];
        uint? mark = device.FwMark;
        uint table = device.Table.Number;
        bool hasDefault = device.Table.Kind == RouteTableKind.Auto && prefixes.Exists(IsDefault);
        if (hasDefault && prefixes.Exists(prefix => IsDefault(prefix) && HasOwnTable(prefix, settings, kernel)))
        {
            table = mark is > 0 and { } given ? given : ownTable > 0 ? ownTable : FreeTable(kernel);
            mark = table;
        }

        return new TunnelPlan(MtuOf(settings, kernel), mark, device.Table.Kind switch
        {
            RouteTableKind.Off => [],
            RouteTableKind.Number => [.. prefixes.Select(prefix => new PlannedRoute(prefix, table, HasRules: false))],
            _ => [.. prefixes.Select(prefix => IsDefault(prefix) && HasOwnTable(prefix, settings, kernel)
                ? new PlannedRoute(prefix, table, HasRules: true)
                : new PlannedRoute(prefix, Libc.RT_TABLE_MAIN, HasRules: false))],
        });
    }

    /// <summary>
    /// The allowed IPs of all peers, in the order of `sort -nr -k 2 -t /`: the longest prefix first, and of equally long ones the
    /// last by its text.
    /// </summary>
    internal static IEnumerable<IpPrefix> PrefixesIn(TunnelSettings settings) => settings.Peers
        .SelectMany(peer => peer.AllowedIps)
        .Distinct()
        .OrderByDescending(prefix => prefix.Length)
        .ThenByDescending(prefix => prefix.ToString(), StringComparer.Ordinal);

    /// <summary>The rules that lead to a table of default routes, from the first that is made [add_default].</summary>
    /// <param name="isIPv6">Of which family.</param>
    /// <param name="table">The table, and the mark of what must not go there.</param>
    /// <param name="existing">All rules of that family, in order.</param>
    public static IReadOnlyList<RuleMessage> RulesOf(bool isIPv6, uint table, IReadOnlyList<RuleMessage> existing)
    {
        // Of its own accord the kernel would choose the same.
        uint next = RuleMessage.NextPriority(existing);
        return
        [
            RuleMessage.Unmarked(isIPv6, table, table) with { Priority = next },
            RuleMessage.MainWithoutDefault(isIPv6) with { Priority = next > 0 ? next - 1 : 0 },
        ];
    }

    private static bool IsDefault(IpPrefix prefix) => prefix.Length == 0;

    /// <summary>
    /// A default route is kept from the tunnel's own packets by a table and rules. Over VSOCK and Unix sockets none of these is
    /// routed, and a kernel without policy rules (CONFIG_IP_MULTIPLE_TABLES) takes it into the main table.
    /// </summary>
    private static bool HasOwnTable(IpPrefix prefix, TunnelSettings settings, IKernelFacts kernel)
    {
        if (kernel.HasRules(prefix.IsIPv6))
            return true;
        return !settings.Interface.Network.IsIP ? false : throw new SetupException(
            $"the allowed IP {prefix} needs policy rules, which this kernel lacks (CONFIG_IP{(prefix.IsIPv6 ? "V6" : "")}"
            + "_MULTIPLE_TABLES): write Table = off, and routes of your own as PostUp");
    }

    private static uint FreeTable(IKernelFacts kernel)
    {
        uint table = FirstTable;
        while (!kernel.IsEmpty(table))
            table++;
        return table;
    }

    private static int MtuOf(TunnelSettings settings, IKernelFacts kernel)
    {
        if (settings.Interface.Mtu is { } given)
            return given;
        if (settings.Interface.Network.IsStream)
            return MtuOverStreams;
        // A name is not resolved yet; its route is most likely the default one.
        int mtu = settings.Peers
            .Select(peer => peer.Endpoint is { IsIP: true } endpoint ? kernel.MtuTowards(endpoint) : 0)
            .Append(0)
            .Max();
        mtu = mtu > 0 ? mtu : kernel.MtuOfDefaultRoute();
        return (mtu > 0 ? mtu : UsualMtu) - OverheadOverUdp;
    }
}

/// <summary>A route to the interface.</summary>
/// <param name="Destination">An allowed IP.</param>
/// <param name="Table">Which table it is in.</param>
/// <param name="HasRules">Whether the table is reached by rules of the tunnel's own: <see cref="TunnelPlan.RulesOf"/>.</param>
internal sealed record PlannedRoute(IpPrefix Destination, uint Table, bool HasRules)
{
    /// <summary>
    /// Whether it need not be made [add_route]: in the main table a route to this interface covers it, mostly that of one of
    /// its own addresses.
    /// </summary>
    /// <param name="existing">The main table's routes to this interface.</param>
    /// <param name="kind">What the settings say of the table.</param>
    public bool IsCovered(IEnumerable<RouteMessage> existing, RouteTableKind kind)
    {
        IpPrefix destination = Destination;
        return kind == RouteTableKind.Auto && !HasRules && existing.Any(route => route.Covers(destination));
    }
}
