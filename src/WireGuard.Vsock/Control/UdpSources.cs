using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Control;

/// <summary>
/// Which source address is used towards each peer over UDP: the one that its last message was sent to, for as long as routes
/// lead from there as they did then.
/// <code>
/// learned --routes lead elsewhere, and choose another--> rejected --chosen again--> learned
///    ^                                                      |
///    `----- the peer writes to another address of ours -----'
/// </code>
/// An address that is rejected is not learned again from what still comes for it: until it hears from us, the peer knows no
/// other. Control only.
/// </summary>
internal sealed class UdpSources(RouteQuery routes)
{
    /// <summary>SO_MARK of the sockets: rules may look at it.</summary>
    public uint Mark { get; set; }

    /// <summary>The port of the sockets.</summary>
    public ushort Port { get; set; }

    /// <summary>The peer is reached there from now on, from that address of ours.</summary>
    public void Adopt(Peer peer, UdpDestination to)
    {
        if (peer.Destination is UdpDestination current)
        {
            if (current.IsSame(to))
                return;
            to.InheritFrom(current);
        }

        _ = TryAsk(to, out UdpRoute route);
        to.Route = route;
        if (to.IsSourceRejected && route.Chosen == RouteQuery.AddressBits(to.Source))
            to.AcceptSource();
        peer.Destination = to;
    }

    /// <summary>Routes may have changed: leaves the choice to them, where the source that is used is theirs no longer.</summary>
    /// <returns>Whether messages to the peer leave with another source from now on.</returns>
    public bool TryCorrect(Peer peer)
    {
        // A link-local address is of one link, and so is who is reached from there.
        if (peer.Destination is not UdpDestination to || to.Source.IsEmpty || to.IsLinkLocal)
            return false;
        // Without any way there is nothing better to use.
        if (!TryAsk(to, out UdpRoute now))
            return false;
        if (to.IsSourceRejected)
        {
            if (now.Chosen != RouteQuery.AddressBits(to.Source))
                return false;
            to.AcceptSource();
            to.Route = now;
            return false;
        }

        if (IsRight(to, now))
        {
            to.Route = now;
            return false;
        }

        to.RejectSource();
        return true;
    }

    /// <summary>
    /// They lead from there as they did; or the address is what they would choose; or what they would choose is what they would
    /// have chosen before, so that the address, another one, is as right as it was.
    /// </summary>
    private static bool IsRight(UdpDestination to, in UdpRoute now) =>
        now.Used is not null
        && (now.Used == to.Route.Used || now.Chosen == RouteQuery.AddressBits(to.Source) || now.Chosen == to.Route.Chosen);

    /// <returns>False if there is no way, from whatever source.</returns>
    private bool TryAsk(UdpDestination to, out UdpRoute route)
    {
        route = default;
        EndpointAddress address = to.Address;
        if (to.Source.IsEmpty || routes.TryAsk(address, [], IPPROTO_UDP, Port, Mark, out Route chosen) < 0)
            return false;
        bool isSent = routes.TryAsk(address, to.Source, IPPROTO_UDP, Port, Mark, out Route way) == 0;
        route = new UdpRoute(isSent ? way with { Source = 0 } : null, chosen.Source);
        return true;
    }
}
