using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The tunnel over streams (VSOCK, TCP, or guests' Unix sockets). A connection begins unauthenticated; the first authentic
/// message on it makes it a peer's. Where the peer's newest message came in is where we send; its configured endpoint is where we
/// dial when there is no such connection and something to send. What becomes of a peer's connections is decided by
/// <see cref="PeerConnections"/>: here is what it is told; StreamNetwork.Commands.cs does what it says. Control only.
/// </summary>
internal sealed partial class StreamNetwork : Network
{
    private readonly NetworkKind _kind;
    private readonly EventLoop _loop;
    private readonly ILogger _log;
    private readonly int _streams;
    private readonly Dictionary<Peer, StreamPeer> _peers = [];
    private readonly OpenConnections _connections;
    private readonly StreamListener _listener;
    private readonly GuestListeners? _guests; // null unless they are behind Unix sockets: then _listener stays closed
    private readonly StreamDialer _dialer;
    private readonly Hellos _hellos;
    private readonly StreamSources _sources;
    private bool _isOpen;

    /// <param name="kind">VSOCK, TCP or Unix.</param>
    /// <param name="loop">The control loop.</param>
    /// <param name="connections">Those that are open.</param>
    /// <param name="hellos">To say HELLO.</param>
    /// <param name="streams">How many connections of a peer are dialled.</param>
    /// <param name="routes">To ask which source address a route chooses.</param>
    /// <param name="log">Of the daemon.</param>
    public StreamNetwork(
        NetworkKind kind, EventLoop loop, OpenConnections connections, Hellos hellos, int streams, RouteQuery routes, ILogger log)
    {
        (_kind, _loop, _connections, _hellos, _streams, _log) = (kind, loop, connections, hellos, streams, log);
        _listener = new StreamListener(loop, connections.Accept, connections.MakeRoom);
        _guests = kind == NetworkKind.Unix
            ? new GuestListeners(new Acceptor(loop, connections.Accept, connections.MakeRoom), log)
            : null;
        _dialer = new StreamDialer(loop, StreamSocket.Connect);
        _sources = new StreamSources(routes);
    }

    public override ushort Port => _guests?.Port ?? _listener.Port;

    public override bool IsOpen => _isOpen;

    public override long RefusedConnections => _connections.Refused;

    /// <summary>Our static public key; null while there is none.</summary>
    public PublicKey? LocalKey { get; private set; }

    /// <summary>Whether we say HELLO at all.</summary>
    public bool SaysHello => _hellos.Local is not null;

    public override StreamTotals TotalsOf(Peer peer)
    {
        if (!_peers.TryGetValue(peer, out StreamPeer? known))
            return default;
        long queued = 0, dropped = 0;
        IReadOnlyList<PeerConnection> all = known.Connections.All;
        for (int i = 0; i < all.Count; i++)
        {
            StreamConnection connection = _connections.Of(all[i]);
            queued += connection.QueuedBytes;
            dropped += connection.DroppedFrames;
        }

        return new StreamTotals(all.Count, known.Connections.Reconnects, queued, dropped);
    }

    public override IEnumerable<ConnectionStatus> ConnectionsOf(Peer peer) =>
        _peers.TryGetValue(peer, out StreamPeer? known)
            ? known.Connections.All.Select(owned => StatusOf(owned, owned == known.Connections.Destination))
            : [];

    public override string? ListenProblem(Peer? peer) => peer is null ? _guests?.Problem() : _guests?.ProblemOf(peer);

    public override void Open(ushort port)
    {
        // Dialling needs no port: it does not wait for one that is taken.
        _isOpen = true;
        if (_guests is not null)
            _guests.Open(port);
        else
            _listener.Open(_kind, port, _dialer.Mark);
    }

    public override void Close()
    {
        const string Reason = "the interface is down";
        _isOpen = false;
        _listener.Close();
        _guests?.Close();
        foreach (StreamPeer peer in _peers.Values)
        {
            peer.Connections.CloseAll(Reason);
            Follow(peer);
        }

        foreach (StreamConnection connection in _connections.All)
            _connections.End(connection, Reason);
    }

    public override void SetMark(uint mark)
    {
        _dialer.Mark = mark;
        _listener.SetMark(mark);
        foreach (StreamConnection connection in _connections.All)
            StreamSocket.SetMark(connection.Fd, mark);
    }

    // ---- what control says of a peer ----------------------------------------------------------------------------------

    public override bool TryReach(Peer peer)
    {
        if (!IsOpen || peer.IsRemoved)
            return false;
        StreamPeer known = Of(peer);
        if (known.Connections.HandshakePath is not null)
            return true;
        known.Connections.Want(_loop.NowMs);
        Follow(known);
        return false;
    }

    public override void SendHandshake(Peer peer, ReadOnlySpan<byte> message)
    {
        if (_peers.TryGetValue(peer, out StreamPeer? known) && known.Connections.Call() is { } path)
            Answer(_connections.Of(path), message);
    }

    public override void Answer(Destination from, ReadOnlySpan<byte> message) =>
        (from as StreamConnection)?.Send(message, _loop.NowMs);

    public override void OnEndpointSet(Peer peer, EndpointAddress? previous)
    {
        if (previous == peer.Endpoint)
            return;
        _guests?.Follow(peer, peer.Endpoint?.Path);
        peer.Hindrance = null;
        if (previous is not null)
            Tell(peer, known => known.EndpointChanged(isKnown: peer.Endpoint is not null, _loop.NowMs));
    }

    public override void OnRemoved(Peer peer)
    {
        Tell(peer, known => known.CloseAll("the peer was removed"));
        _peers.Remove(peer);
        _guests?.Follow(peer, null);
    }

    public override void OnHello(Peer peer) => Tell(peer, known => known.WantExtra(_loop.NowMs));

    public override void OnPrivateKeySet(PublicKey? local, IEnumerable<Peer> peers)
    {
        LocalKey = local;
        foreach (Peer peer in peers)
            Tell(peer, known => known.PrivateKeyChanged(_loop.NowMs));
    }

    public override void OnSilence(Peer peer, bool isHandshake)
    {
        // Unanswered data may mean that the peer has lost the session; an unanswered initiation, that the connection is dead. Not
        // so if a cookie has come back, to which only this source is entitled.
        if (isHandshake && peer.Timers.IsInitiationUnanswered)
            Tell(peer, known => known.Unanswered(peer.Timers.HandshakeSentMs, _loop.NowMs));
    }

    public override void OnAbandoned(Peer peer) => Tell(peer, known => known.Abandoned());

    public override void OnRoutesChanged(Peer peer)
    {
        if (!_peers.TryGetValue(peer, out StreamPeer? known))
            return;
        PeerConnection[] moved = [.. known.Connections.Dialed.Where(connection => !HasRightSource(known, connection))];
        if (moved.Length != 0)
            Tell(peer, known => known.SourceChanged(moved, _loop.NowMs));
    }

    public override long NextDeadline(Peer peer) =>
        _peers.TryGetValue(peer, out StreamPeer? known) ? known.Connections.NextDeadline(_loop.NowMs) : PeerConnections.Never;

    public override void OnDeadline(Peer peer)
    {
        if (!_peers.TryGetValue(peer, out StreamPeer? known))
            return;
        known.Connections.Poll(_loop.NowMs);
        Follow(known);
    }

    // ---- what comes of connections ------------------------------------------------------------------------------------

    public override void OnAuthenticated(Peer peer, Destination from)
    {
        if (from is not StreamConnection connection)
            return;
        connection.HandshakeReceived(peer, _loop.NowMs);
        // It has no counter: where messages go is decided by the first one in the new session.
        Authenticated(connection, peer, isNewest: false);
    }

    public override void OnSignals(StreamConnection connection)
    {
        ConnectionSignals signals = connection.TakeSignals();
        if ((signals & ConnectionSignals.Failed) != 0)
            Broken(connection, "the connection has ended");
        else if ((signals & ConnectionSignals.Authenticated) != 0 && connection.Peer is { } peer)
            Authenticated(connection, peer, (signals & ConnectionSignals.Newest) != 0);
        if ((signals & ConnectionSignals.Asked) != 0
            && _connections.TryGetOwner(connection, out StreamPeer? owner, out PeerConnection? asked))
            Tell(owner.Peer, known => known.Asked(asked));
    }

    /// <summary>
    /// Closes connections that have been unauthenticated for too long, and those whose far end has stopped reading. Looks for
    /// those that are to prove themselves.
    /// </summary>
    public override void Sweep()
    {
        _guests?.Sweep();
        _connections.CloseSurplus();
        foreach (StreamConnection connection in _connections.All)
        {
            if (_connections.Overdue(connection) is { } reason)
                Broken(connection, reason);
            else if (_connections.TryGetOwner(connection, out StreamPeer? owner, out PeerConnection? owned)
                && owner.Connections.MayBeSilent(owned, _loop.NowMs))
                Events.OnDeadlineMoved(owner.Peer);
        }
    }

    private void Authenticated(StreamConnection connection, Peer peer, bool isNewest)
    {
        if (connection.IsFailed || !_connections.Contains(connection))
            return;
        bool isOwned = _connections.TryGetOwner(connection, out StreamPeer? owner, out PeerConnection? owned);
        bool isAnothers = isOwned && owner!.Peer != peer;
        if (isAnothers)
            Tell(owner!.Peer, other => other.Release(owned!));
        if (peer.IsRemoved)
        {
            _connections.End(connection, "its peer was removed");
            return;
        }

        if (!isOwned || isAnothers)
        {
            StreamPeer known = Of(peer);
            owned = known.Connections.Meet(connection);
            _connections.SetOwner(connection, known, owned);
        }

        Tell(peer, state => state.Authenticated(owned!, isNewest, _loop.NowMs));
    }

    private void Broken(StreamConnection connection, string reason)
    {
        if (_connections.TryGetOwner(connection, out StreamPeer? owner, out PeerConnection? owned))
            Tell(owner.Peer, known => known.Broken(owned, reason, _loop.NowMs));
        // One without an owner; or whose peer was removed, or was never told of it, since it failed just then.
        _connections.End(connection, reason);
    }

    private StreamPeer Of(Peer peer)
    {
        if (!_peers.TryGetValue(peer, out StreamPeer? known))
            _peers[peer] = known = new StreamPeer(peer, this, _streams);
        return known;
    }

    private ConnectionStatus StatusOf(PeerConnection owned, bool isCurrent)
    {
        StreamConnection connection = _connections.Of(owned);
        return new ConnectionStatus(
            connection.Address,
            owned.IsDialed,
            isCurrent ? ConnectionUse.Current : owned.IsUsed ? ConnectionUse.Used : ConnectionUse.Unused,
            (_loop.NowMs - owned.SinceMs) / 1000,
            owned.Reconnects,
            connection.ReceivedBytes,
            connection.SentBytes,
            connection.QueuedBytes);
    }

    private bool HasRightSource(StreamPeer known, PeerConnection connection)
    {
        (int fd, EndpointAddress? to) = connection.View is null
            ? (_dialer.SocketOf(connection), known.Peer.Endpoint)
            : (_connections.Of(connection).Fd, _connections.Of(connection).Address);
        return to is not { } address
            || _sources.IsRight(known, fd, address, connection.SinceMs, _dialer.Mark, _loop.NowMs);
    }
}
