using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>What the kernel of this network namespace answers.</summary>
internal sealed class KernelFacts(RouteSocket kernel) : IKernelFacts, IDisposable
{
    private readonly RouteQuery _routes = new();

    /// <summary>The daemon's mark, by which it finds the way past its own default route; 0 before it has one.</summary>
    public uint Mark { get; set; }

    /// <summary>The tunnel's own interface, which is no way to its peers; 0 before it has routes.</summary>
    public int IgnoredLink { get; set; }

    public int MtuTowards(EndpointAddress endpoint)
    {
        int result = _routes.TryAskMtu(endpoint, Libc.IPPROTO_UDP, Mark, out Route route, out int mtu);
        if (result < 0 || route.Interface == IgnoredLink)
            return 0;
        return mtu > 0 ? mtu : MtuOfLink(route.Interface);
    }

    /// <summary>Whether packets to an address, with that mark, go into the ignored link. Never of what is not IP.</summary>
    public bool LeadsToIgnoredLink(EndpointAddress to, uint mark) =>
        to.Kind is AddressFamilyKind.IPv4 or AddressFamilyKind.IPv6
        && _routes.TryAsk(to, [], Libc.IPPROTO_TCP, fromPort: 0, mark, out Route route) >= 0
        && route.Interface == IgnoredLink;

    public int MtuOfDefaultRoute() => DefaultRoute() is { } route ? route.Mtu > 0 ? route.Mtu : MtuOfLink(route.Interface) : 0;

    public bool HasRules(bool isIPv6)
    {
        int result = kernel.List<RuleMessage>(new RouteFilter(isIPv6), []);
        return !RouteSocket.IsUnsupported(result);
    }

    public bool IsEmpty(uint table) => IsEmpty(table, isIPv6: false) && IsEmpty(table, isIPv6: true);

    /// <summary>
    /// The interfaces that an IPv4 peer's packets come in on: those on the way to the endpoints, or else that of the default
    /// route.
    /// </summary>
    public IReadOnlyList<string> Uplinks(IEnumerable<EndpointAddress> endpoints)
    {
        HashSet<int> links = [];
        foreach (EndpointAddress endpoint in endpoints.Where(endpoint => endpoint.Kind == AddressFamilyKind.IPv4))
        {
            if (_routes.TryAsk(endpoint, [], Libc.IPPROTO_UDP, fromPort: 0, mark: 0, out Route route) >= 0)
                links.Add(route.Interface);
        }

        if (links.Count == 0 && DefaultRoute() is { } defaultRoute)
            links.Add(defaultRoute.Interface);
        return [.. links
            .Select(index => kernel.Find(index, out LinkState link) >= 0 ? link.Name : null)
            .OfType<string>()];
    }

    public void Dispose() => _routes.Dispose();

    private RouteMessage? DefaultRoute()
    {
        List<RouteMessage> routes = [];
        _ = kernel.List(new RouteFilter(IsIPv6: false, Table: Libc.RT_TABLE_MAIN), routes);
        int first = routes.FindIndex(route => route.Destination.Length == 0);
        return first >= 0 ? routes[first] : null;
    }

    private int MtuOfLink(int index) => index > 0 && kernel.Find(index, out LinkState link) >= 0 ? link.Mtu : 0;

    private bool IsEmpty(uint table, bool isIPv6)
    {
        List<RouteMessage> routes = [];
        // Of a table that never was, the kernel says that there is none.
        return kernel.List(new RouteFilter(isIPv6, Table: table), routes) < 0 || routes.Count == 0;
    }
}
