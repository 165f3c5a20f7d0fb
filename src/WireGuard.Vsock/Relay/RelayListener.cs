using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// A lane's socket of a UDP address that a rule listens on, with the sources that have links there. The kernel spreads sources
/// over the lanes' sockets (SO_REUSEPORT), each always to the same. Owned by its lane.
/// </summary>
internal sealed class RelayListener(RelayLane lane, ActiveRule rule, UdpSocket socket) : IWatched
{
    private readonly Dictionary<EndpointAddress, Link> _links = [];

    /// <summary>Whose the sources are.</summary>
    public ActiveRule Rule { get; set; } = rule;

    public UdpSocket Socket { get; } = socket;

    /// <summary>Its name in the lane's epoll.</summary>
    public ulong Watch { get; set; }

    /// <summary>Closes its links first: they send on its socket.</summary>
    public void Close()
    {
        foreach (Link link in _links.Values.ToArray())
            link.Abandon();
        lane.Unwatch(Watch, Socket.Fd);
        Socket.Dispose();
    }

    /// <summary>Reads a batch of datagrams of any sources.</summary>
    public void OnEvents(uint events)
    {
        UdpReceiver receiver = lane.Receiver;
        receiver.Receive(Socket.Fd);
        Link? link = null;
        while (receiver.MoveNext())
        {
            ReadOnlySpan<byte> message = receiver.Datagram;
            if (!lane.IsMessage(message))
                continue;

            lane.Counters.CountReceived(NetworkKind.Udp, 1, message.Length);
            // Most follow others of their source.
            if (link is null || link.IsOver || !SourceOf(link).Equals(receiver.Address, receiver.Source))
                link = Find(receiver, message);
            link?.FromNear(message, receiver.Ecn);
        }
    }

    public void Remove(Link link) => _links.Remove(link.From);

    private static UdpDestination SourceOf(Link link) => ((DatagramEnd)link.Near).Destination;

    /// <summary>
    /// The link that the current datagram is to be carried by; null if it was the first of its source, which is done with.
    /// </summary>
    private Link? Find(UdpReceiver receiver, ReadOnlySpan<byte> message)
    {
        if (!EndpointAddress.TryFromSockaddr(receiver.Address, out EndpointAddress from))
            return null;
        if (_links.TryGetValue(from, out Link? link))
        {
            // It sends to another address of ours now.
            if (!SourceOf(link).Equals(receiver.Address, receiver.Source))
                ((DatagramEnd)link.Near).Destination = new UdpDestination(receiver.Address, receiver.Source);
            return link;
        }

        link = lane.TryAddSource(this, from, message);
        if (link is not null)
            _links[from] = link;
        return null;
    }
}
