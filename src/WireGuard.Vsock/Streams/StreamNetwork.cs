using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The tunnel over streams (VSOCK or TCP). A connection begins unauthenticated; the first authentic message on it makes it a
/// peer's. Where the peer's newest message came in is where we send; its configured endpoint is where we dial when there is no
/// such connection and something to send. Which of a peer's connections are used is in <see cref="PeerStreams"/>, how a peer of
/// our kind comes by several in <see cref="ExtraStreams"/>. Control only.
/// <code>
/// accepted / dialled --> unauthenticated --authentic message--> the peer's --superseded--> closed
///                           `--10 s, newer ones--> closed          `--broken, stalled, silent--> closed, dialled again on demand
/// </code>
/// </summary>
internal sealed class StreamNetwork : Network
{
    private readonly NetworkKind _kind;
    private readonly EventLoop _loop;
    private readonly GracePeriod _grace;
    private readonly ILogger _log;
    private readonly OpenConnections _connections;
    private readonly StreamListener _listener;
    private readonly StreamDialer _dialer;
    private readonly PeerStreams _streams;
    private readonly ExtraStreams _extras;
    private readonly Hellos _hellos;
    private readonly StreamSources _sources;
    private PublicKey? _localKey;

    public StreamNetwork(
        NetworkKind kind,
        EventLoop loop,
        ControlInbox inbox,
        IReadOnlyList<LaneDescriptors> lanes,
        Published published,
        GracePeriod grace,
        Hellos hellos,
        int streams,
        RouteQuery routes,
        ILogger log)
    {
        _kind = kind;
        _loop = loop;
        _grace = grace;
        _log = log;
        _connections = new OpenConnections(loop, inbox, lanes, published, (connection, reason) => Close(connection, reason), log);
        _listener = new StreamListener(loop, _connections.Accept, _connections.MakeRoom);
        _hellos = hellos;
        _sources = new StreamSources(routes);
        _streams = new PeerStreams(lanes.Count, log) { LocalKey = () => _localKey };
        _dialer = new StreamDialer(
            loop,
            peer => peer.Dial,
            peer => peer.Destination is null,
            OnDialed,
            peer => peer.CountDropped(peer.Staged.Clear()),
            peer => Events.OnDeadlineMoved(peer),
            log);
        _extras = new ExtraStreams(loop, hellos, streams, _connections.Dialed, peer => Events.OnDeadlineMoved(peer), log);
    }

    public override ushort Port => _listener.Port;

    public override bool IsOpen => _listener.IsOpen;

    public override long RefusedConnections => _connections.Refused;

    public override long DroppedFrames(Peer peer) => peer.Connections.Sum(connection => connection.DroppedFrames);

    public override long QueuedBytes(Peer peer) => peer.Connections.Sum(connection => (long)connection.QueuedBytes);

    public override void Open(ushort port) => _listener.Open(_kind, port, _dialer.Mark);

    public override void Close()
    {
        _listener.Close();
        _dialer.CancelAll();
        _extras.CancelAll();
        foreach (StreamConnection connection in _connections.All)
            Close(connection, "the interface is down");
    }

    public override void SetMark(uint mark)
    {
        _dialer.Mark = mark;
        _extras.Mark = mark;
        _listener.SetMark(mark);
        foreach (StreamConnection connection in _connections.All)
            StreamSocket.SetMark(connection.Fd, mark);
    }

    public override void OnEndpointSet(Peer peer, EndpointAddress? previous)
    {
        if (previous is null || previous == peer.Endpoint)
            return;
        ResetDialing(peer, "the endpoint has changed");
        if (peer.Endpoint is null || peer.Destination is not StreamConnection { IsDialed: true } current)
            return;
        // The others first: none of them is to take its place.
        CloseOthers(peer, other => other.IsDialed, "the endpoint has changed");
        Close(current, "the endpoint has changed");
    }

    public override void OnRemoved(Peer peer)
    {
        ResetDialing(peer, "the peer was removed");
        foreach (StreamConnection connection in peer.Connections.ToArray())
            Close(connection, "the peer was removed");
    }

    public override long NextDeadline(Peer peer) => Math.Min(
        Math.Min(peer.Dial.NextDeadline, peer.ExtraDial.NextDeadline), PeerStreams.NextDeadline(peer, _loop.NowMs));

    public override void OnDeadline(Peer peer)
    {
        _dialer.OnDeadline(peer);
        _extras.OnDeadline(peer);
        while (_streams.Poll(peer, _loop.NowMs) is { Connection: { } connection, Task: var task })
        {
            if (task == StreamTask.Ask)
                _hellos.TryAsk(peer, connection);
            else if (task == StreamTask.CloseSilent)
                Close(connection, "the peer does not answer on it", isBroken: true);
            else
                Close(connection, "another has taken its place");
        }
    }

    public override void OnHello(Peer peer)
    {
        _extras.Want(peer);
        Events.OnDeadlineMoved(peer);
    }

    public override void OnPrivateKeySet(PublicKey? local, IEnumerable<Peer> peers)
    {
        _localKey = local;
        // What is left is one connection, on which the peer gets to know us anew. More join it in the new session.
        foreach (Peer peer in peers)
        {
            CloseDialingExtra(peer, "the private key has changed");
            CloseOthers(peer, _ => true, "the private key has changed");
        }
    }

    public override bool TryReach(Peer peer)
    {
        if (!IsOpen)
            return false;
        if (WayTo(peer) is not null)
            return true;
        _dialer.Want(peer);
        return false;
    }

    public override void OnSilence(Peer peer, bool isHandshake)
    {
        // Unanswered data may mean that the peer has lost the session; an unanswered initiation, that the connection is dead. Not
        // one that is younger than the initiation or has carried something since, nor one on which a cookie came back (to which
        // only this source is entitled).
        long sentMs = peer.Timers.HandshakeSentMs;
        if (!isHandshake || !peer.Timers.IsInitiationUnanswered
            || WayTo(peer) is not { } connection || connection.SinceMs > sentMs || connection.HeardMs > sentMs)
            return;
        // If nothing has come on the others either, they are as dead; they would cost a try each.
        CloseOthers(peer, other => other.HeardMs <= sentMs, "the peer is silent");
        Close(connection, "the peer is silent", isBroken: true);
    }

    public override void OnAbandoned(Peer peer) => ResetDialing(peer, "the peer does not answer");

    public override void OnRoutesChanged(Peer peer)
    {
        const string Reason = "its route chooses another source address";
        bool isLost = false;
        DialState dial = peer.Dial;
        if (dial.IsConnecting && peer.Endpoint is { } endpoint && !IsRight(dial.ConnectingFd, endpoint, dial.StartedMs))
        {
            ResetDialing(peer, Reason);
            isLost = true;
        }

        if (dial.Connection is { } dialed && IsMoved(dialed))
        {
            ResetDialing(peer, Reason);
            isLost = true;
        }

        DialState extra = peer.ExtraDial;
        if ((extra.IsConnecting && peer.Endpoint is { } same && !IsRight(extra.ConnectingFd, same, extra.StartedMs))
            || (extra.Connection is { } joining && IsMoved(joining)))
        {
            CloseDialingExtra(peer, Reason);
            _extras.Want(peer);
        }

        // The others first: none of them is to take its place.
        CloseOthers(peer, IsMoved, Reason);
        if (peer.Destination is StreamConnection current && IsMoved(current))
        {
            Close(current, Reason);
            isLost = true;
        }

        // Also where nothing is to be sent: the far end may have something, and cannot dial.
        if (isLost)
            TryReach(peer);

        bool IsMoved(StreamConnection connection) =>
            connection.IsDialed && !IsRight(connection.Fd, connection.Address, connection.SinceMs);
        bool IsRight(int fd, EndpointAddress to, long sinceMs) =>
            _sources.IsRight(dial, fd, to, sinceMs, _dialer.Mark, _loop.NowMs);
    }

    public override void SendHandshake(Peer peer, ReadOnlySpan<byte> message)
    {
        if (WayTo(peer) is not { } connection)
            return;
        if (ReferenceEquals(connection, peer.Dial.Connection))
            peer.Dial.HasCalled = true;
        connection.Send(message, _loop.NowMs);
    }

    public override void Answer(Destination from, ReadOnlySpan<byte> message) =>
        ((StreamConnection)from).Send(message, _loop.NowMs);

    public override void OnAuthenticated(Peer peer, Destination from)
    {
        var connection = (StreamConnection)from;
        connection.HandshakeReceived(peer, _loop.NowMs);
        // It has no counter: where messages go is decided by the first one in the new session.
        OnAuthenticated(connection, peer, isNewest: false);
    }

    public override void OnSignals(StreamConnection connection)
    {
        ConnectionSignals signals = connection.TakeSignals();
        if ((signals & ConnectionSignals.Failed) != 0)
            Close(connection, "the connection has ended", isBroken: true);
        else if ((signals & ConnectionSignals.Authenticated) != 0 && connection.Peer is { } peer)
            OnAuthenticated(connection, peer, (signals & ConnectionSignals.Newest) != 0);
        if ((signals & ConnectionSignals.Asked) != 0 && connection is { IsFailed: false, Owner: { } owner })
            _hellos.TryJoin(owner, connection);
    }

    /// <summary>
    /// Once a second: closes connections on which nobody has authenticated in time, and those whose far end has stopped reading.
    /// Looks for those that are to prove themselves.
    /// </summary>
    public override void Sweep()
    {
        _connections.CloseSurplus();
        foreach (StreamConnection connection in _connections.All)
        {
            if (_connections.Overdue(connection) is { } reason)
                Close(connection, reason, isBroken: true);
            else if (StreamProof.MayBeSilent(connection, _loop.NowMs))
                Events.OnDeadlineMoved(connection.Owner!);
        }
    }

    private static StreamConnection? WayTo(Peer peer) =>
        peer.Destination as StreamConnection is { IsFailed: false } current ? current
        : peer.Dial.Connection is { IsFailed: false } dialed ? dialed
        : null;

    private void OnDialed(Peer peer, int fd)
    {
        peer.Dial.Connection = _connections.Dialed(peer, fd);
        peer.Dial.HasCalled = false;
        Events.OnReached(peer);
    }

    private void OnAuthenticated(StreamConnection connection, Peer peer, bool isNewest)
    {
        if (connection.IsFailed || !_connections.Contains(connection))
            return;
        if (peer.IsRemoved)
        {
            Close(connection, "its peer was removed");
            return;
        }

        bool isNew = _streams.TryAdopt(connection, peer, _loop.NowMs);
        if (isNew)
            Welcome(connection, peer);
        if (_streams.TryUse(connection, peer, isNewest, _loop.NowMs))
        {
            CloseUncalled(peer);
            if (peer.Destination is not StreamConnection { IsDialed: true })
                CloseDialingExtra(peer, "another has taken its place");
            Events.OnReachable(peer);
        }

        Events.OnDeadlineMoved(peer);
        if (isNew && connection.IsJoined)
            Log.ConnectionJoined(_log, peer, connection.Address, peer.Connections.Count);
        if (isNew && PeerStreams.Surplus(peer, connection) is { } surplus)
            Close(surplus, "the peer has too many");
        // Also after one has won back what another had taken over: that ended the dialling of more.
        _extras.Want(peer);
    }

    /// <summary>The peer has authenticated on it for the first time.</summary>
    private void Welcome(StreamConnection connection, Peer peer)
    {
        _connections.NoteAuthenticated(connection);
        _dialer.Succeeded(connection);
        _extras.Succeeded(connection);
        // Its dialler sends nothing more on it before it has an answer; which is to be the first that comes.
        if (connection is { IsJoined: true, IsDialed: false })
            _hellos.TryJoin(peer, connection);
    }

    /// <param name="connection">Is found by nobody from now on.</param>
    /// <param name="reason">For the log.</param>
    /// <param name="isBroken">Whether it was of use no more; else we want it no more.</param>
    private void Close(StreamConnection connection, string reason, bool isBroken = false)
    {
        if (!_connections.TryEnd(connection, reason))
            return;
        Peer? peer = connection.Owner;
        peer?.CountDropped(connection.DroppedFrames);
        bool wasDestination = ReferenceEquals(peer?.Destination, connection);
        bool wasUsed = connection.IsInUse || connection.Standing.IsSilent;
        _streams.Release(connection, _loop.NowMs);
        // Now that nobody finds it any more.
        _grace.Retire(connection);
        _dialer.Lost(connection, reason);
        _extras.Lost(connection, reason);
        if (peer is not { IsRemoved: false })
            return;
        if (peer.Destination is null)
            CloseDialingExtra(peer, reason);
        else if (wasUsed && IsOpen)
            _extras.Replace(peer, connection, reason, isBroken);
        if (peer.Destination is null && wasDestination)
        {
            if (connection.IsDialed)
                _dialer.Ended(peer, connection, reason, isBroken);
            if (MustReplace(connection, peer))
                TryReach(peer);
        }

        Events.OnDeadlineMoved(peer);
    }

    /// <summary>
    /// Whether a connection that has ended is dialled anew at once: if something waits for it; or if we dialled it and the
    /// session is in use, for the far end may have something to send and cannot dial.
    /// </summary>
    private bool MustReplace(StreamConnection connection, Peer peer) =>
        !peer.Staged.IsEmpty
        || (connection.IsDialed && peer.Keypairs.Current?.CanSend(_loop.NowMs) == true
            && _loop.NowMs - peer.Activity.LastTraversal < Limits.RejectAfterTimeMs);

    /// <summary>Closes those of the peer's that are not its destination, if they are such.</summary>
    private void CloseOthers(Peer peer, Predicate<StreamConnection> isSuch, string reason)
    {
        foreach (StreamConnection connection in peer.Connections.ToArray())
        {
            if (!ReferenceEquals(connection, peer.Destination) && isSuch(connection))
                Close(connection, reason);
        }
    }

    private void ResetDialing(Peer peer, string reason)
    {
        CloseDialingExtra(peer, reason);
        peer.ExtraDial.ResetBackoff();
        StreamConnection? dialed = peer.Dial.Connection;
        _dialer.Reset(peer);
        if (dialed is not null)
            Close(dialed, reason);
    }

    /// <summary>
    /// The peer is reached on another connection. What we have dialled meanwhile, and not called it on, it would keep without
    /// knowing whose it is.
    /// </summary>
    private void CloseUncalled(Peer peer)
    {
        if (peer.Dial is { Connection: null, IsConnecting: false } or { Connection: not null, HasCalled: true })
            return;
        StreamConnection? dialed = peer.Dial.Connection;
        _dialer.Cancel(peer);
        if (dialed is not null)
            Close(dialed, "another has taken its place");
    }

    private void CloseDialingExtra(Peer peer, string reason)
    {
        StreamConnection? dialed = peer.ExtraDial.Connection;
        _extras.Cancel(peer);
        if (dialed is not null)
            Close(dialed, reason);
    }
}
