using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>What the control socket tells: the configuration in force, and what was dropped.</summary>
internal sealed partial class Configurator
{
    public static readonly string Version = typeof(Configurator).Assembly.GetName().Version!.ToString(3);

    /// <summary>The answer to `get`. Its keys belong to the device.</summary>
    public DeviceStatus Status() => new()
    {
        PrivateKey = _device.PrivateKey,
        // While the link is up: the port that is bound, 0 if it was taken.
        ListenPort = _device.IsUp ? _network.Port : _device.ListenPort,
        FirewallMark = _device.FirewallMark,
        Peers = _device.Peers.Values.Select(Status),
    };

    /// <summary>The answer to `status`: as `get`, with what only this daemon knows.</summary>
    public DeviceStatus FullStatus() => Status() with
    {
        Peers = _device.Peers.Values.Select(peer => Status(peer) with { Details = DetailsOf(peer) }),
        Details = new DeviceDetails
        {
            Network = _options.Network,
            IsUp = _device.IsUp,
            Mtu = _device.Mtu,
            Superpackets = _hellos.Local is { TakesSuperpackets: true },
            Instance = _options.Instance,
            Interface = Link?.Name,
            Namespace = Link?.Namespace,
            Version = Version,
            LocalCid = _options.Network == NetworkKind.Vsock ? Sys.LocalCid() : null,
            ListenError = !_device.IsUp ? null : _network.Port == 0 ? _listenError : _network.ListenProblem(null),
            Sandbox = Sandbox?.ToString(),
            Notes = _device.Notes,
            UnlockedBytes = SecretMemory.Unlocked,
            Counters = Counters().Where(counter => counter.Value != 0),
        },
    };

    /// <summary>Packets and messages dropped in total, by reason.</summary>
    public IEnumerable<Counter> Drops()
    {
        foreach (DropReason reason in Enum.GetValues<DropReason>())
            yield return new Counter(NameOf(reason), _counters.Sum(counters => counters[reason]));
    }

    /// <summary>The answer to `counters`, of the device.</summary>
    public IEnumerable<Counter> Counters()
    {
        foreach (Counter dropped in Drops())
            yield return dropped;
        yield return new Counter("refused_connections", _network.RefusedConnections);
        // Shows that the steady state allocates nothing.
        yield return new Counter("garbage_collections", GC.CollectionCount(0));
    }

    /// <summary>What was dropped for each peer, and what is queued now.</summary>
    public IEnumerable<(PublicKey Peer, IEnumerable<Counter> Counters)> PeerCounters() =>
        _device.Peers.Values.Select(peer => (peer.PublicKey, (IEnumerable<Counter>)
        [
            new Counter("dropped_packets", DroppedPackets(peer)),
            new Counter("queued_bytes", _network.TotalsOf(peer).QueuedBytes),
        ]));

    private PeerStatus Status(Peer peer) => new()
    {
        PublicKey = peer.PublicKey,
        PresharedKey = peer.PresharedKey,
        Endpoint = EndpointOf(peer),
        LastHandshakeSeconds = (ulong)peer.LastHandshake.Seconds,
        LastHandshakeNanoseconds = (uint)peer.LastHandshake.Nanoseconds,
        TxBytes = (ulong)peer.SentBytes,
        RxBytes = (ulong)peer.ReceivedBytes,
        PersistentKeepalive = (ushort)(peer.PersistentKeepaliveMs / 1000),
        AllowedIps = _device.AllowedIpsOf(peer),
    };

    private PeerDetails DetailsOf(Peer peer) => new()
    {
        EndpointName = _names.NameOf(peer),
        Superpackets = _hellos.Local is { TakesSuperpackets: true }
            && peer.RemoteHello(_loop.NowMs) is { TakesSuperpackets: true }
            && peer.Destination is StreamConnection { IsProven: true },
        HasSession = HasSession(peer),
        HandshakeError = HandshakeError(peer),
        Note = peer.Note,
        DroppedPackets = DroppedPackets(peer),
        QueuedBytes = _network.TotalsOf(peer).QueuedBytes,
        Connections = _network.ConnectionsOf(peer),
    };

    /// <summary>Of provisioning.</summary>
    public DeviceNotes Notes => _device.Notes;

    /// <summary>Whether the link is up.</summary>
    public bool IsUp => _device.IsUp;

    /// <summary>How many peers there are, and how many of them can be sent to.</summary>
    public (int Peers, int WithSession, long NewestHandshake) Summary()
    {
        int count = 0;
        long newest = 0;
        foreach (Peer peer in _device.Peers.Values)
        {
            count += HasSession(peer) ? 1 : 0;
            newest = Math.Max(newest, peer.LastHandshake.Seconds);
        }

        return (_device.Peers.Count, count, newest);
    }

    /// <summary>Packets to the peer.</summary>
    public long DroppedPackets(Peer peer) => peer.DroppedPackets + _network.TotalsOf(peer).DroppedFrames;

    /// <summary>What keeps a handshake with the peer from being completed, in words; null if nothing does.</summary>
    private string? HandshakeError(Peer peer)
    {
        if (!_device.IsUp)
            return "the interface is down";
        if (_device.PrivateKey is null)
            return "no private key is set";
        if (!peer.CanHandshake)
            return "the peer's public key is none that a handshake is possible with";
        string? listening = _network.ListenProblem(peer);
        if (peer.Hindrance?.Text(_loop.NowMs) is { } text)
            return string.Join("; ", ((string?[])[text, _names.ErrorOf(peer), listening]).OfType<string>());
        if (HasSession(peer))
            return null;
        if (listening is not null)
            return listening;
        if (peer.Endpoint is null && _names.NameOf(peer) is { } name)
            return _names.ErrorOf(peer) ?? $"the name {name[..name.LastIndexOf(':')]} is being resolved";
        if (!_network.IsOpen)
            return _listenError;
        if (peer.Endpoint is { Port: 0 })
            return "the endpoint's port is 0, which cannot be called";
        return peer.Endpoint is null && peer.Destination is null ? "it has no endpoint, and the peer has not called" : null;
    }

    /// <summary>
    /// With UDP, where messages are sent: peers roam. With streams, where the peer is dialled; for a peer without an endpoint,
    /// the address it connected from, without the port: a configuration that is saved and set again must not have us dial an
    /// ephemeral port.
    /// </summary>
    private static EndpointAddress? EndpointOf(Peer peer) =>
        peer.Destination is UdpDestination udp ? udp.Address : peer.Endpoint ?? peer.Destination?.Address.WithPort(0);

    /// <summary>The member's name in snake case: not_an_ip_packet.</summary>
    private static string NameOf(DropReason reason)
    {
        var name = new StringBuilder();
        foreach (char letter in reason.ToString())
            name.Append(char.IsUpper(letter) && name.Length != 0 ? "_" : "").Append(char.ToLowerInvariant(letter));
        return name.ToString();
    }
}
