using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Control;

/// <summary>
/// Which source address is used towards each peer over UDP: the one that its last message was sent to, as long as the routes from
/// there stay as they were.
/// <code>
/// learned --routes changed, and choose another source--> rejected --chosen again--> learned
///    ^                                                      |
///    `----- the peer sends to another address of ours ------'
/// </code>
/// A rejected address is not learned again from messages still sent to it: the peer knows no other until it hears from us.
/// Control only.
/// </summary>
internal sealed class UdpSources(RouteQuery routes)
{
    /// <summary>SO_MARK of the sockets: rules may match it.</summary>
    public uint Mark { get; set; }

    /// <summary>The port of the sockets.</summary>
    public ushort Port { get; set; }

    /// <summary>Sends to the peer there from now on, from that address of ours.</summary>
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

    /// <summary>
    /// Routes may have changed: leaves the choice of the source to them, if they no longer lead from the one that is used.
    /// </summary>
    /// <returns>Whether messages to the peer have another source from now on.</returns>
    public bool TryCorrect(Peer peer)
    {
        // A link-local address belongs to one link, and so does the peer reached from there.
        if (peer.Destination is not UdpDestination to || to.Source.IsEmpty || to.IsLinkLocal)
            return false;
        // Without any route there is nothing better to use.
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
    /// The source stays if the route from it is as it was, if it is the source that routes choose, or if they choose the same
    /// source as before (another one: then the source is as right as it was).
    /// </summary>
    private static bool IsRight(UdpDestination to, in UdpRoute now) =>
        now.Used is not null
        && (now.Used == to.Route.Used || now.Chosen == RouteQuery.AddressBits(to.Source) || now.Chosen == to.Route.Chosen);

    /// <returns>False if there is no route from any source.</returns>
    private bool TryAsk(UdpDestination to, out UdpRoute route)
    {
        route = default;
        EndpointAddress address = to.Address;
        if (to.Source.IsEmpty || routes.TryAsk(address, [], IPPROTO_UDP, Port, Mark, out Route chosen) < 0)
            return false;
        bool isSent = routes.TryAsk(address, to.Source, IPPROTO_UDP, Port, Mark, out Route used) == 0;
        route = new UdpRoute(isSent ? used with { Source = 0 } : null, chosen.Source);
        return true;
    }
}
