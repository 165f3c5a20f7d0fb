using Microsoft.Extensions.Logging;
using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Lanes;
using WireGuard.Daemon.Transport;
using WireGuard.Daemon.Uapi;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Daemon.Control;

/// <summary>
/// Applies a parsed change of the configuration, and tells the configuration in force. What can fail (binding a port, too many
/// peers) is tried before anything is changed. Control only.
/// </summary>
internal sealed class Configurator
{
    private readonly Device _device;
    private readonly Network _network;
    private readonly SessionDriver _sessions;
    private readonly IReadOnlyList<LaneCounters> _counters;
    private readonly ControlLoop _loop;
    private readonly ILogger _log;

    /// <param name="device">The device.</param>
    /// <param name="network">Under the tunnel.</param>
    /// <param name="sessions">To send what a change lets be sent.</param>
    /// <param name="counters">Of every thread that drops packets.</param>
    /// <param name="loop">The control loop.</param>
    /// <param name="log">Of the daemon.</param>
    public Configurator(
        Device device,
        Network network,
        SessionDriver sessions,
        IReadOnlyList<LaneCounters> counters,
        ControlLoop loop,
        ILogger log)
    {
        _counters = counters;
        _device = device;
        _network = network;
        _sessions = sessions;
        _loop = loop;
        _log = log;
    }

    /// <summary>Applies all of it, or nothing.</summary>
    /// <returns>0, or the errno, positive.</returns>
    public int Apply(DeviceChange change)
    {
        if (CountAfter(change) > Limits.MaxPeers)
            return Errno.ENOSPC;
        if (change.ListenPort is { } port)
        {
            int error = TryListen(port);
            if (error != 0)
                return error;
        }

        if (change.FirewallMark is { } mark)
        {
            _device.FirewallMark = mark;
            _network.SetMark(mark);
        }

        ApplyPrivateKey(change);
        if (change.ReplacesPeers)
        {
            foreach (Peer peer in _device.Peers.Values.ToArray())
                Remove(peer);
        }

        var changed = new List<(Peer Peer, PeerChange Change)>();
        foreach (PeerChange peerChange in change.Peers)
        {
            if (Apply(peerChange) is { } peer)
                changed.Add((peer, peerChange));
        }

        _device.Publish();
        foreach ((Peer peer, PeerChange peerChange) in changed)
            Settle(peer, peerChange);
        return 0;
    }

    /// <summary>What `get` answers. The keys in it stay the device's.</summary>
    public DeviceStatus Status() => new()
    {
        PrivateKey = _device.PrivateKey,
        // While the link is up: what is bound, which is nothing if the port was taken.
        ListenPort = _device.IsUp ? _network.Port : _device.ListenPort,
        FirewallMark = _device.FirewallMark,
        Peers = _device.Peers.Values.Select(Status),
    };

    /// <summary>What was dropped on the whole, by reason.</summary>
    public IEnumerable<Counter> Counters()
    {
        foreach (DropReason reason in Enum.GetValues<DropReason>())
            yield return new Counter(NameOf(reason), _counters.Sum(counters => counters[reason]));
        yield return new Counter("refused_connections", _network.RefusedConnections);
        // The promise of a steady state that allocates nothing, for everyone to check.
        yield return new Counter("garbage_collections", GC.CollectionCount(0));
    }

    /// <summary>What was dropped on the way to each peer, and what waits now.</summary>
    public IEnumerable<(PublicKey Peer, IEnumerable<Counter> Counters)> PeerCounters() =>
        _device.Peers.Values.Select(peer => (peer.PublicKey, (IEnumerable<Counter>)
        [
            new Counter("dropped_packets", peer.DroppedPackets + peer.Connections.Sum(connection => connection.DroppedFrames)),
            new Counter("queued_bytes", peer.Connections.Sum(connection => connection.QueuedBytes)),
        ]));

    private PeerStatus Status(Peer peer) => new()
    {
        PublicKey = peer.PublicKey,
        PresharedKey = peer.Session.Remote.PresharedKey,
        Endpoint = EndpointOf(peer),
        LastHandshakeSeconds = (ulong)peer.LastHandshake.Seconds,
        LastHandshakeNanoseconds = (uint)peer.LastHandshake.Nanoseconds,
        TxBytes = (ulong)peer.SentBytes,
        RxBytes = (ulong)peer.ReceivedBytes,
        PersistentKeepalive = (ushort)(peer.Session.Timers.PersistentKeepaliveMs / 1000),
        AllowedIps = _device.AllowedIpsOf(peer),
    };

    /// <summary>
    /// With UDP, where messages go: peers roam. With streams, where the peer is dialled; and of one that has no endpoint, the
    /// address that it called from, without the port: a configuration that is saved and set again must not have us dial an
    /// ephemeral one.
    /// </summary>
    private static EndpointAddress? EndpointOf(Peer peer) =>
        peer.Destination is UdpDestination udp ? udp.Address : peer.Endpoint ?? peer.Destination?.Address.WithPort(0);

    private static string NameOf(DropReason reason) => reason switch
    {
        DropReason.NotAnIpPacket => "not_an_ip_packet",
        DropReason.NoPeerForPacket => "no_peer_for_packet",
        DropReason.TooLong => "too_long",
        DropReason.NotSent => "not_sent",
        DropReason.NotAMessage => "not_a_message",
        DropReason.UnknownReceiver => "unknown_receiver",
        DropReason.NotAuthentic => "not_authentic",
        DropReason.SourceNotAllowed => "source_not_allowed",
        DropReason.BadSuperpacket => "bad_superpacket",
        DropReason.NotWritten => "not_written",
        DropReason.HandshakeQueueFull => "handshake_queue_full",
        _ => throw new ArgumentOutOfRangeException(nameof(reason)),
    };

    private int CountAfter(DeviceChange change)
    {
        var added = new HashSet<PublicKey>();
        foreach (PeerChange peer in change.Peers)
        {
            if (!peer.Removes && !peer.UpdatesOnly && (change.ReplacesPeers || !_device.Peers.ContainsKey(peer.PublicKey)))
                added.Add(peer.PublicKey);
        }

        return added.Count + (change.ReplacesPeers ? 0 : _device.Peers.Count);
    }

    /// <summary>
    /// Listens on a port, at once if the link is up, else when it comes up. An ephemeral port that was bound stays the device's,
    /// as in wireguard-go: it is the same after the link was down.
    /// </summary>
    /// <param name="port">0 for an ephemeral one.</param>
    /// <returns>0, or the errno, positive; then nothing has changed.</returns>
    public int TryListen(ushort port)
    {
        if (!_device.IsUp)
        {
            _device.ListenPort = port;
            return 0;
        }

        bool wasOpen = _network.IsOpen;
        try
        {
            _network.Open(port);
        }
        catch (LinuxException refused)
        {
            Log.ListenFailed(_log, port, refused.Message);
            return refused.Errno;
        }

        _device.ListenPort = _network.Port;
        if (!wasOpen)
            StartPeers();
        return 0;
    }

    /// <summary>The network has opened: what waited for that may go.</summary>
    private void StartPeers()
    {
        foreach (Peer peer in _device.Peers.Values)
        {
            if (peer.Session.Timers.PersistentKeepaliveMs > 0)
                _sessions.SendKeepalive(peer);
            else
                _sessions.SendStaged(peer);
            _sessions.Schedule(peer);
        }
    }

    private void ApplyPrivateKey(DeviceChange change)
    {
        if (change.RemovesPrivateKey)
        {
            _device.SetPrivateKey(null);
            _network.OnPrivateKeySet(_device.Peers.Values);
            return;
        }

        // wg(8) sets the same key again with every syncconf: sessions live on.
        if (change.PrivateKey is not { } key
            || (_device.PrivateKey is { } old && old.PublicKey.Equals(key.PublicKey)))
            return;
        change.PrivateKey = null;
        if (_device.Peers.TryGetValue(key.PublicKey, out Peer? ourselves))
            Remove(ourselves);
        _device.SetPrivateKey(key);
        _network.OnPrivateKeySet(_device.Peers.Values);
        Log.PrivateKeySet(_log);
    }

    /// <returns>The peer that it was applied to; null if it is gone, or there is none.</returns>
    private Peer? Apply(PeerChange change)
    {
        bool exists = _device.Peers.TryGetValue(change.PublicKey, out Peer? peer);
        bool isOurselves = _device.PrivateKey is { } local && local.PublicKey.Equals(change.PublicKey);
        if (change.Removes)
        {
            if (exists)
                Remove(peer!);
            return null;
        }

        if (isOurselves || (!exists && change.UpdatesOnly))
            return null;
        if (!exists)
        {
            peer = _device.Add(change.PublicKey);
            Log.PeerAdded(_log, peer);
        }

        ApplyTo(peer!, change);
        return peer;
    }

    private void ApplyTo(Peer peer, PeerChange change)
    {
        if (change.PresharedKey is { } presharedKey)
        {
            change.PresharedKey = null;
            peer.Session.Remote.SetPresharedKey(presharedKey);
        }

        if (change.Endpoint is { } endpoint)
        {
            EndpointAddress? previous = peer.Endpoint;
            peer.Endpoint = endpoint;
            _network.OnEndpointSet(peer, previous);
        }

        if (change.ReplacesAllowedIps)
            _device.ClearAllowedIps(peer);
        foreach (AllowedIpChange allowedIp in change.AllowedIps)
        {
            if (allowedIp.Removes)
                _device.RemoveAllowedIp(peer, allowedIp.Prefix);
            else
                _device.AddAllowedIp(peer, allowedIp.Prefix);
        }
    }

    /// <summary>Once lanes see the change: a keepalive that was switched on is sent, and what waited for an endpoint.</summary>
    private void Settle(Peer peer, PeerChange change)
    {
        if (peer.IsRemoved)
            return;
        bool switchedOn = change.PersistentKeepalive is { } seconds
            && peer.Session.Timers.SetPersistentKeepalive(seconds * 1000, _loop.NowMs);
        if (!_device.IsUp)
            return;
        if (switchedOn)
            _sessions.SendKeepalive(peer);
        else
            _sessions.SendStaged(peer);
        _sessions.Schedule(peer);
    }

    private void Remove(Peer peer)
    {
        Log.PeerRemoved(_log, peer);
        _device.Remove(peer);
        _network.OnRemoved(peer);
        _sessions.Schedule(peer);
    }
}
