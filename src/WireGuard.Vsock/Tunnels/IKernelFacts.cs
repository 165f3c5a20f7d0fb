using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>What a <see cref="TunnelPlan"/> asks the kernel.</summary>
internal interface IKernelFacts
{
    /// <summary>
    /// The MTU on the way to an IP endpoint: that of its route, or else of the route's interface; 0 if there is none.
    /// </summary>
    int MtuTowards(EndpointAddress endpoint);

    /// <summary>The MTU of the main table's first IPv4 default route, or else of its interface; 0 if there is none.</summary>
    int MtuOfDefaultRoute();

    /// <summary>Whether the kernel has policy rules of that family.</summary>
    bool HasRules(bool isIPv6);

    /// <summary>Whether no route of either family is in a table.</summary>
    bool IsEmpty(uint table);
}
