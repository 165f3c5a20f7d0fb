using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Which connections are used. The one on which the newest counter of the newest keypair came in is the one that the peer sends
/// on, and takes the place of all others but those that it joined: so an attacker that delivers a message which it has held
/// back takes a peer over until the peer's next message only.
/// </summary>
internal sealed partial class PeerConnections
{
    /// <summary>
    /// Connections as young as this, one dialled by each end, have crossed: both ends then choose the same one.
    /// </summary>
    private const int CrossingMs = 10_000;

    /// <summary>
    /// How long the other one does not win back: what the far end has sent before it, too, has chosen. Without this each end
    /// would take the one that the other has just left, for ever.
    /// </summary>
    private const int CrossedMs = 1_000;

    /// <summary>How long a connection is kept that is not used, and on which no newer counter comes in.</summary>
    private const int SettleMs = 10_000;

    /// <summary>Connections of a peer that are not used.</summary>
    private const int MaxUnused = DaemonOptions.MaxStreams;

    /// <summary>Connections that are remembered while they are another peer's.</summary>
    private const int MaxReleased = DaemonOptions.MaxStreams;

    /// <summary>
    /// Which connection each lane sends on: one that it owns, so that what comes back on it comes to the same lane; a lane that
    /// owns none shares. Both ends choose the oldest of several, so a flow whose ends are steered by each other settles on one.
    /// </summary>
    /// <param name="lanes">How many lanes there are.</param>
    /// <returns>One for each lane; none where there are not several.</returns>
    public PeerConnection[] ByLane(int lanes)
    {
        PeerConnection[] used = [.. Used];
        if (used.Length < 2)
            return [];
        var byLane = new PeerConnection[lanes];
        for (int lane = 0; lane < lanes; lane++)
            byLane[lane] = used.FirstOrDefault(connection => connection.View!.Lane == lane) ?? used[lane % used.Length];
        return byLane;
    }

    /// <summary>
    /// What is kept of a connection on which the peer authenticates that did not own it. If it did before another peer
    /// authenticated there, it has the same place again: as its far end knows of no change, it would else supersede those that it
    /// was used with, and they it, with every message.
    /// </summary>
    public PeerConnection Meet(IConnectionView view)
    {
        int index = _released.FindIndex(released => released.View!.Id == view.Id);
        if (index < 0)
            return new PeerConnection(view);
        PeerConnection known = _released[index];
        _released.RemoveAt(index);
        known.State = ConnectionState.Unauthenticated;
        return known;
    }

    /// <summary>Another peer has authenticated on the connection: it is that one's from now on.</summary>
    public void Release(PeerConnection connection)
    {
        // The far end knows it as one that joins, which lanes forget.
        if (connection == _extra.Attempt)
            connection.Joined = Current?.Base;
        DialingOf(connection)?.Forget();
        connection.State = ConnectionState.Closed;
        _released.RemoveAll(released => released.View!.IsFailed);
        if (_released.Count == MaxReleased)
            _released.RemoveAt(0);
        _released.Add(connection);
        if (_connections.Remove(connection))
            FallBack();
    }

    /// <summary>The peer has authenticated on it for the first time: it is the peer's, though not used yet.</summary>
    private void Adopt(PeerConnection connection, long nowMs)
    {
        DialingOf(connection)?.Forget();
        connection.State = ConnectionState.Standby;
        connection.KeptUntilMs = nowMs + SettleMs;
        if (connection.View!.IsJoined)
            connection.Joined = Current?.Base;
        if (connection.Number == 0)
            connection.Number = ++_lastNumber;
        // One that another peer had meanwhile is as old as before, so that both ends have them in the same order.
        int older = _connections.FindLastIndex(other => other.Number < connection.Number);
        _connections.Insert(older + 1, connection);
        _hasChanged = true;
        // Its dialler sends nothing more on it before it has an answer; which is to be the first that comes.
        if (connection is { IsDialed: false, View.IsJoined: true })
            Do(ConnectionAction.SayJoin, connection);
    }

    /// <summary>Has a connection used on which the peer has just authenticated, if that is due to it.</summary>
    /// <returns>Whether the destination is another now.</returns>
    private bool TryUse(PeerConnection connection, bool isNewest, long nowMs)
    {
        if (connection.State == ConnectionState.InUse)
            return false;
        if (Current?.Base is not { } current)
        {
            UseAll(connection);
            return true;
        }

        if (connection.Base == current
            || (isNewest && connection.View!.IsJoined && current.Number < connection.Base.Number))
        {
            // It joins; or it was silent and is not; or it joined what had taken the place of those which are back in theirs.
            connection.Joined = current;
            Use(connection);
            return false;
        }

        if (!isNewest)
            return false;
        bool haveCrossed = HaveCrossed(current, connection);
        if (haveCrossed && current.IsDialed == _peer.KeepsDialed)
        {
            Supersede(connection, nowMs, CrossedMs);
            return false;
        }

        if (nowMs < connection.WinsBackFromMs)
        {
            connection.KeptUntilMs = nowMs + SettleMs;
            return false;
        }

        foreach (PeerConnection other in Used.ToArray())
        {
            Supersede(other, nowMs, haveCrossed ? CrossedMs : 0);
            if (!haveCrossed && !connection.WasUsed)
                Vacate(other);
        }

        UseAll(connection);
        return true;
    }

    /// <summary>
    /// Whether each end has dialled one of the two at the same time: then each would prefer the other's. Not once one has
    /// superseded the other: the peer has chosen by then.
    /// </summary>
    private static bool HaveCrossed(PeerConnection current, PeerConnection newer) =>
        current.IsDialed != newer.IsDialed && !newer.WasSuperseded && Math.Abs(newer.SinceMs - current.SinceMs) < CrossingMs;

    /// <summary>Makes the connection the destination, with all beside it that have joined the same one.</summary>
    private void UseAll(PeerConnection connection)
    {
        foreach (PeerConnection other in _connections)
        {
            bool stays = other.Base == connection.Base && other is { IsAlive: true, State: not ConnectionState.Silent };
            if (stays || other == connection)
                Use(other);
        }

        Destination = connection;
    }

    private void Use(PeerConnection connection)
    {
        if (!connection.WasUsed && _vacated.TryDequeue(out int before))
        {
            connection.Reconnects = before;
            Reconnects++;
        }

        connection.WasUsed = true;
        connection.State = ConnectionState.InUse;
        connection.KeptUntilMs = Never;
        connection.AskedMs = 0;
        _hasChanged = true;
    }

    private void Supersede(PeerConnection loser, long nowMs, int crossedMs)
    {
        Do(ConnectionAction.NoteSuperseded, loser);
        loser.State = ConnectionState.Superseded;
        loser.WasSuperseded = true;
        loser.WinsBackFromMs = nowMs + crossedMs;
        loser.KeptUntilMs = nowMs + SettleMs;
        _hasChanged = true;
    }

    /// <summary>The connection leaves its place to one that comes after it, which counts on. The last places are kept.</summary>
    private void Vacate(PeerConnection connection)
    {
        if (_vacated.Count == DaemonOptions.MaxStreams)
            _vacated.Dequeue();
        _vacated.Enqueue(connection.Reconnects + 1);
    }

    /// <summary>Some are gone. If the destination is, the oldest in use takes its place, else one that is not used.</summary>
    private void FallBack()
    {
        _hasChanged = true;
        if (Destination is not { State: ConnectionState.Closed })
            return;
        Destination = Used.FirstOrDefault();
        // One on which a handshake is under way comes before one that was superseded.
        if (Destination is null && _connections.Where(other => other is { IsAlive: true, State: not ConnectionState.Silent })
            .MaxBy(other => (!other.WasSuperseded, other.KeptUntilMs)) is { } unused)
            UseAll(unused);
    }

    /// <summary>The one that a peer with too many can best do without; null if it has not.</summary>
    private PeerConnection? Surplus(PeerConnection newest)
    {
        PeerConnection[] used = [.. Used];
        if (used.Length > DaemonOptions.MaxStreams)
            return used.First(connection => connection != newest && connection != Destination);
        return _connections.Count - used.Length > MaxUnused
            ? _connections.Except(used).MinBy(connection => connection.KeptUntilMs)
            : null;
    }
}
