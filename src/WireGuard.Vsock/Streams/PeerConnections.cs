using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The connections of one peer: which are dialled and when, which are used, and when each is closed. A pure state machine: events
/// and the time go in, and commands come out (<see cref="TryTake"/>), which the caller does in their order. It knows no socket,
/// clock or log. The states of a connection are drawn at <see cref="ConnectionState"/>, those of dialling at
/// <see cref="Dialing"/>. Control only.
/// <para>
/// One connection is the peer's destination: handshakes go there, and so does everything while it is alone. Beside it stand those
/// that have joined it. A peer that takes several is given more by the end that dialled the destination, one after the other, so
/// that the far end has them in the same order and only one at a time is unauthenticated.
/// </para>
/// This file has the events and how connections end; PeerConnections.Choice.cs which are used, PeerConnections.Proof.cs how each
/// proves that it leads to the peer, PeerConnections.Dialing.cs when which is dialled.
/// </summary>
internal sealed partial class PeerConnections
{
    /// <summary>The time of what is not to happen.</summary>
    public const long Never = long.MaxValue;

    /// <summary>The reason of a connection on which an initiation was not answered.</summary>
    public const string IsSilent = "the peer is silent";

    /// <summary>Of an attempt to connect that has not ended in time.</summary>
    public static readonly string TimedOut = Errno.Text(Errno.ETIMEDOUT);

    private readonly IPeerView _peer;
    private readonly int _limit;
    private readonly Queue<ConnectionCommand> _commands = new();
    private readonly List<PeerConnection> _connections = [];
    private readonly List<PeerConnection> _released = [];
    private readonly Queue<int> _vacated = new(); // of places that connections have left: how many have had each
    private readonly Dialing _first;
    private readonly Dialing _extra;
    private bool _hasChanged;
    private long _lastNumber;

    /// <param name="peer">Whose connections they are.</param>
    /// <param name="limit">How many are dialled, with the first.</param>
    /// <param name="random">For the delays between attempts.</param>
    public PeerConnections(IPeerView peer, int limit, Random random)
    {
        (_peer, _limit) = (peer, limit);
        (_first, _extra) = (new Dialing(random), new Dialing(random));
    }

    /// <summary>Those on which the peer has authenticated, oldest first.</summary>
    public IReadOnlyList<PeerConnection> All => _connections;

    /// <summary>How often a connection has taken the place of one that had ended.</summary>
    public long Reconnects { get; private set; }

    /// <summary>Those that messages go on, oldest first.</summary>
    public IEnumerable<PeerConnection> Used => _connections.Where(connection => connection.IsUsed);

    /// <summary>Where messages go, but for those of lanes that have one of several for themselves; null for none.</summary>
    public PeerConnection? Destination { get; private set; }

    /// <summary>Where a handshake message can be sent now: the destination, or a connection that was dialled for it.</summary>
    public PeerConnection? HandshakePath => Current ?? (_first.Attempt is { IsAlive: true } dialed ? dialed : null);

    /// <summary>All that were dialled, unauthenticated ones too.</summary>
    public IEnumerable<PeerConnection> Dialed =>
        new[] { _first.Attempt, _extra.Attempt }.OfType<PeerConnection>().Concat(_connections.Where(other => other.IsDialed));

    private PeerConnection? Current => Destination is { IsAlive: true } current ? current : null;

    /// <summary>Takes the next command.</summary>
    public bool TryTake(out ConnectionCommand command) => _commands.TryDequeue(out command);

    /// <summary>Whether the destination or the set of those in use may be others since the last call.</summary>
    public bool TakeChange()
    {
        bool hasChanged = _hasChanged;
        _hasChanged = false;
        return hasChanged;
    }

    // ---- what is wanted -------------------------------------------------------------------------------------------

    /// <summary>There is something to send, and no connection.</summary>
    public void Want(long nowMs) => Want(_first, nowMs);

    /// <summary>Something has changed that may let the peer have one more: it has said HELLO.</summary>
    public void WantExtra(long nowMs)
    {
        if (IsNeeded(_extra, nowMs))
            Want(_extra, nowMs);
    }

    /// <summary>A handshake message is about to be sent.</summary>
    /// <returns>The connection that it goes on; null if there is none.</returns>
    public PeerConnection? Call()
    {
        PeerConnection? path = HandshakePath;
        if (path is not null && path == _first.Attempt)
            _first.HasCalled = true;
        return path;
    }

    // ---- what becomes of an attempt to dial -------------------------------------------------------------------------

    /// <summary>The socket that <see cref="ConnectionAction.Connect"/> asked for is connected.</summary>
    public void Connected(PeerConnection connection, long nowMs)
    {
        if (DialingOf(connection) is not { IsConnecting: true } dialing)
            return;
        bool isExtra = dialing == _extra;
        // The session, or the connection to stand beside, may have ended meanwhile.
        if (isExtra && !IsNeeded(_extra, nowMs))
        {
            _extra.Attempt = null;
            Drop(connection, "");
            return;
        }

        connection.State = ConnectionState.Unauthenticated;
        connection.SinceMs = nowMs;
        dialing.HasCalled = false;
        Do(isExtra ? ConnectionAction.OpenJoining : ConnectionAction.Open, connection);
        Do(isExtra ? ConnectionAction.SayJoin : ConnectionAction.BeginHandshake, connection);
    }

    /// <summary>The socket that <see cref="ConnectionAction.Connect"/> asked for could not be connected.</summary>
    public void ConnectFailed(PeerConnection connection, string reason, long nowMs)
    {
        if (DialingOf(connection) is not { IsConnecting: true } dialing)
            return;
        connection.State = ConnectionState.Closed;
        Fail(dialing, reason, nowMs);
    }

    // ---- what comes in ----------------------------------------------------------------------------------------------

    /// <summary>The peer has authenticated on a connection, for the first time or while it is not used.</summary>
    /// <param name="connection">One of its own, or one that was accepted.</param>
    /// <param name="isNewest">Whether it was with the newest counter of the newest keypair.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public void Authenticated(PeerConnection connection, bool isNewest, long nowMs)
    {
        if (!connection.IsAlive)
            return;
        bool isNew = connection.State == ConnectionState.Unauthenticated;
        if (isNew)
            Adopt(connection, nowMs);
        if (TryUse(connection, isNewest, nowMs))
        {
            // What was dialled meanwhile, and nothing sent on it, the far end would keep without knowing whose it is.
            if (_first is { IsConnecting: true } or { Attempt: not null, HasCalled: false })
                Cancel(_first, "another has taken its place");
            if (Destination is not { IsDialed: true })
                Cancel(_extra, "another has taken its place");
            Do(ConnectionAction.SendStaged);
        }

        if (isNew && connection.View!.IsJoined)
            _commands.Enqueue(new(ConnectionAction.NoteJoined, connection, Value: _connections.Count));
        if (isNew && Surplus(connection) is { } surplus)
            End([surplus], "the peer has too many", broken: null, nowMs);
        // Also after one has won back what another had taken over: that ended the dialling of more.
        WantExtra(nowMs);
    }

    /// <summary>The peer asks for an answer on the connection.</summary>
    public void Asked(PeerConnection connection)
    {
        if (connection is { IsAlive: true, State: not ConnectionState.Unauthenticated })
            Do(ConnectionAction.SayJoin, connection);
    }

    // ---- what ends a connection -------------------------------------------------------------------------------------

    /// <summary>The connection has broken, or is taken to have.</summary>
    public void Broken(PeerConnection connection, string reason, long nowMs) => End([connection], reason, connection, nowMs);

    /// <summary>
    /// No response to an initiation has come, nor a cookie. A connection that is younger than the initiation may still carry one,
    /// as may one on which something has come in since. Those that have heard nothing either are as dead, and would cost a try
    /// each.
    /// </summary>
    /// <param name="sentMs">When the initiation was sent.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public void Unanswered(long sentMs, long nowMs)
    {
        if (HandshakePath is not { } path || path.SinceMs > sentMs || path.View!.HeardMs > sentMs)
            return;
        End(
            [.. _connections.Where(other => other != Destination && other.View!.HeardMs <= sentMs), path],
            IsSilent, path, nowMs);
    }

    /// <summary>Handshakes have been begun in vain for too long: nothing is dialled until there is something to send.</summary>
    public void Abandoned() => ResetDialing("the peer does not answer");

    /// <summary>
    /// Its endpoint is another, or none: then a peer is still reached where it is. A first connection that is being dialled goes
    /// on being dialled there at once, and is given up when it would have been.
    /// </summary>
    /// <param name="isKnown">Whether there is one.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public void EndpointChanged(bool isKnown, long nowMs)
    {
        const string Reason = "the endpoint has changed";
        long wantedMs = _first.WantedMs;
        ResetDialing(Reason);
        _first.WantedMs = isKnown ? wantedMs : 0;
        _released.RemoveAll(connection => connection.IsDialed);
        _vacated.Clear();
        if (isKnown && Destination is { IsDialed: true })
            End([.. _connections.Where(connection => connection.IsDialed)], Reason, broken: null, nowMs);
    }

    /// <summary>
    /// What is left is one connection, on which the peer gets to know us anew. More join it in the new session.
    /// </summary>
    public void PrivateKeyChanged(long nowMs)
    {
        const string Reason = "the private key has changed";
        Cancel(_extra, Reason);
        _released.Clear();
        End([.. _connections.Where(connection => connection != Destination)], Reason, broken: null, nowMs);
    }

    /// <summary>Routes choose another source address than these have, of <see cref="Dialed"/>.</summary>
    public void SourceChanged(IReadOnlyCollection<PeerConnection> moved, long nowMs)
    {
        const string Reason = "its route chooses another source address";
        bool isLost = moved.Any(connection => connection == Destination || connection == _first.Attempt);
        bool isExtraLost = moved.Any(connection => connection == _extra.Attempt);
        if (moved.Any(connection => connection == _first.Attempt))
            ResetDialing(Reason);
        if (isExtraLost)
            Cancel(_extra, Reason);
        End([.. _connections.Where(moved.Contains)], Reason, broken: null, nowMs);
        // Also where nothing is to be sent: the far end may have something, and cannot dial.
        if (isLost && HandshakePath is null)
            Want(nowMs);
        if (isExtraLost)
            WantExtra(nowMs);
    }

    /// <summary>The peer was removed, or the interface went down: all is closed, and nothing dialled.</summary>
    public void CloseAll(string reason)
    {
        ResetDialing(reason);
        foreach (PeerConnection connection in _connections)
            Drop(connection, reason);
        _connections.Clear();
        _released.Clear();
        _vacated.Clear();
        Destination = null;
        _hasChanged = true;
    }

    // ---- the time ---------------------------------------------------------------------------------------------------

    /// <summary>When <see cref="Poll"/> is next to be called; <see cref="Never"/> if nothing waits for a time.</summary>
    public long NextDeadline(long nowMs)
    {
        long first = Math.Min(_first.NextDeadline, _extra.NextDeadline);
        foreach (PeerConnection connection in _connections)
            first = Math.Min(first, NextDeadline(connection, nowMs));
        return first;
    }

    /// <summary>Does what is due.</summary>
    public void Poll(long nowMs)
    {
        Advance(_first, nowMs);
        Advance(_extra, nowMs);
        foreach (PeerConnection connection in _connections.ToArray())
        {
            if (connection.State == ConnectionState.Closed || nowMs < NextDeadline(connection, nowMs))
                continue;
            if (connection.State == ConnectionState.InUse)
                Prove(connection, nowMs);
            else if (connection.State == ConnectionState.Silent)
                Broken(connection, "the peer does not answer on it", nowMs);
            else
                End([connection], "another has taken its place", broken: null, nowMs);
        }
    }

    private long NextDeadline(PeerConnection connection, long nowMs) =>
        connection.State == ConnectionState.InUse ? ProofDeadline(connection, nowMs) : connection.KeptUntilMs;

    // ---- ends -------------------------------------------------------------------------------------------------------

    /// <summary>Closes connections, all at once, so that none takes another's place; and begins what replaces them.</summary>
    /// <param name="lost">Which.</param>
    /// <param name="reason">For the log.</param>
    /// <param name="broken">The one that was of use no more; the others we want no more.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    private void End(IReadOnlyList<PeerConnection> lost, string reason, PeerConnection? broken, long nowMs)
    {
        PeerConnection? destination = Destination;
        List<PeerConnection> used = [];
        int count = _connections.Count;
        foreach (PeerConnection connection in lost)
        {
            if (connection.State is ConnectionState.InUse or ConnectionState.Silent)
            {
                used.Add(connection);
                Vacate(connection);
            }

            if (connection.State != ConnectionState.Closed)
                Drop(connection, reason);
            if (DialingOf(connection) is { } dialing)
                Fail(dialing, reason, nowMs);
            _connections.Remove(connection);
        }

        if (_connections.Count == count)
            return;
        FallBack();
        if (Destination is null)
        {
            Cancel(_extra, reason);
        }
        else if (used.Count != 0 && IsNeeded(_extra, nowMs))
        {
            used.ForEach(connection => CountFailure(_extra, connection, reason, connection == broken, nowMs));
            Want(_extra, nowMs);
        }

        if (Destination is not null || destination is null)
            return;
        if (destination.IsDialed)
            CountFailure(_first, destination, reason, destination == broken, nowMs);
        // Something waits for it; or the far end may have something to send, and cannot dial.
        if (_peer.HasStaged || (destination.IsDialed && _peer.IsInUse(nowMs)))
            Want(nowMs);
    }

    /// <summary>Has a connection closed, or the socket that was to become one.</summary>
    private void Drop(PeerConnection connection, string reason)
    {
        // Before there is a view there is but a socket.
        Do(connection.View is null ? ConnectionAction.CancelConnect : ConnectionAction.Close, connection, reason);
        connection.State = ConnectionState.Closed;
    }

    private void Do(ConnectionAction action, PeerConnection? connection = null, string reason = "") =>
        _commands.Enqueue(new(action, connection, reason));
}
