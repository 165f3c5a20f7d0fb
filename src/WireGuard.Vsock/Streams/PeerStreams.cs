using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Which connections a peer has, and which of them are used. One is its destination: handshakes go there, and so does everything
/// while it is alone. Beside it stand those that have joined it, by a HELLO that says so. The connection on which the newest
/// counter of the newest keypair came in is the one that the peer sends on, and takes the place of all others but those that it
/// joined: so what was kept back and is delivered on another connection takes a peer over until the next message only. Control
/// only.
/// <code>
/// unauthenticated --joins---------------------------> used beside the destination --silent--> not used --it answers--> used
///        |                                                                                         `----no answer----> closed
///        `--others--> not used --newest counter, or there is no other--> used, the others superseded
///                         ^  `--10 s--> closed                            |
///                         `-----superseded by another's newest counter----'
/// </code>
/// </summary>
internal sealed class PeerStreams
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

    private readonly int _lanes;
    private readonly ILogger _log;
    private long _lastNumber;

    /// <param name="lanes">How many lanes there are.</param>
    /// <param name="log">Of the daemon.</param>
    public PeerStreams(int lanes, ILogger log)
    {
        _lanes = lanes;
        _log = log;
    }

    /// <summary>Our static public key, by which crossing connections are chosen from; null while there is none.</summary>
    public required Func<Protocol.Crypto.PublicKey?> LocalKey { get; init; }

    /// <summary>Those that are used, oldest first.</summary>
    public static IEnumerable<StreamConnection> Used(Peer peer) =>
        peer.Connections.Where(connection => connection is { IsInUse: true, IsFailed: false });

    /// <summary>
    /// Which connection each lane sends on: one that it owns, so that what comes back on it comes to the same lane; a lane that
    /// owns none shares. Both ends choose the oldest of several, so a flow whose ends are steered by each other settles on one.
    /// </summary>
    /// <param name="used">Oldest first.</param>
    /// <param name="lanes">How many lanes there are.</param>
    public static StreamConnection[] ByLane(IReadOnlyList<StreamConnection> used, int lanes)
    {
        if (used.Count < 2)
            return [];
        var byLane = new StreamConnection[lanes];
        for (int lane = 0; lane < lanes; lane++)
            byLane[lane] = used.FirstOrDefault(connection => connection.Lane == lane) ?? used[lane % used.Count];
        return byLane;
    }

    /// <summary>The connection is this peer's from now on, though not used yet.</summary>
    /// <returns>Whether that is news.</returns>
    public bool TryAdopt(StreamConnection connection, Peer peer, long nowMs)
    {
        if (connection.Owner == peer)
            return false;
        Release(connection, nowMs);
        connection.Owner = peer;
        peer.Connections.Add(connection);
        StreamConnection joined = connection.IsJoined && Current(peer) is { } current ? current.Standing.Base : connection;
        connection.Standing = new StreamStanding(joined, ++_lastNumber) { KeptUntilMs = nowMs + SettleMs };
        return true;
    }

    /// <summary>Has a connection used on which the peer has just authenticated, if that is due to it.</summary>
    /// <param name="connection">The peer's.</param>
    /// <param name="peer">The peer.</param>
    /// <param name="isNewest">Whether it was with the newest counter of the newest keypair.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <returns>Whether the peer's destination is another now.</returns>
    public bool TryUse(StreamConnection connection, Peer peer, bool isNewest, long nowMs)
    {
        if (connection.IsInUse)
            return false;
        StreamStanding standing = connection.Standing;
        if (Current(peer) is not { } current)
        {
            UseAll(peer, connection);
            return true;
        }

        StreamConnection currentBase = current.Standing.Base;
        if (standing.Base == currentBase
            || (isNewest && connection.IsJoined && currentBase.Standing.Number < standing.Base.Standing.Number))
        {
            // It joins; or it was silent and is not; or it joined what had taken the place of those which are back in theirs.
            standing.Base = currentBase;
            Use(connection);
            Publish(peer);
            return false;
        }

        if (!isNewest)
            return false;
        bool haveCrossed = HaveCrossed(currentBase, connection);
        if (haveCrossed && currentBase.IsDialed == StaysDialed(peer))
        {
            Supersede(peer, connection, nowMs, CrossedMs);
            return false;
        }

        if (nowMs < standing.WinsBackFromMs)
        {
            standing.KeptUntilMs = nowMs + SettleMs;
            return false;
        }

        foreach (StreamConnection other in Used(peer).ToArray())
            Supersede(peer, other, nowMs, haveCrossed ? CrossedMs : 0);
        UseAll(peer, connection);
        return true;
    }

    /// <summary>The connection is nobody's any more; its peer falls back on another one that lives.</summary>
    public void Release(StreamConnection connection, long nowMs)
    {
        if (connection.Owner is not { } peer)
            return;
        connection.Owner = null;
        connection.IsInUse = false;
        peer.Connections.Remove(connection);
        if (ReferenceEquals(peer.Destination, connection))
        {
            peer.Destination = Used(peer).FirstOrDefault();
            // One on which a handshake is under way comes before what another had taken the place of.
            if (peer.Destination is null && peer.Connections.Where(other => !other.IsFailed && !other.Standing.IsSilent)
                .MaxBy(other => (!other.Standing.WasSuperseded, other.Standing.KeptUntilMs)) is { } fallback)
                UseAll(peer, fallback);
        }

        Publish(peer);
    }

    /// <summary>The one that a peer with too many can best do without; null if it has not.</summary>
    public static StreamConnection? Surplus(Peer peer, StreamConnection newest)
    {
        StreamConnection[] used = [.. Used(peer)];
        if (used.Length > DaemonOptions.MaxStreams)
            return used.First(connection => connection != newest && !ReferenceEquals(connection, peer.Destination));
        return peer.Connections.Count - used.Length > MaxUnused
            ? peer.Connections.Except(used).MinBy(connection => connection.Standing.KeptUntilMs)
            : null;
    }

    /// <summary>
    /// When <see cref="Poll"/> is next to be called; <see cref="PeerTimers.Never"/> if only traffic can bring anything about.
    /// </summary>
    public static long NextDeadline(Peer peer, long nowMs)
    {
        long first = PeerTimers.Never;
        foreach (StreamConnection connection in peer.Connections)
            first = Math.Min(first, connection.IsInUse
                ? StreamProof.NextDeadline(connection, peer, nowMs)
                : connection.Standing.KeptUntilMs);
        return first;
    }

    /// <summary>What is due now. To be called until there is nothing.</summary>
    public (StreamTask Task, StreamConnection? Connection) Poll(Peer peer, long nowMs)
    {
        foreach (StreamConnection connection in peer.Connections.ToArray())
        {
            StreamStanding standing = connection.Standing;
            if (!connection.IsInUse && nowMs >= standing.KeptUntilMs)
                return (standing.IsSilent ? StreamTask.CloseSilent : StreamTask.CloseSuperseded, connection);
            if (!connection.IsInUse || nowMs < StreamProof.NextDeadline(connection, peer, nowMs))
                continue;
            if (!StreamProof.IsAsked(connection))
            {
                standing.AskedMs = nowMs;
                return (StreamTask.Ask, connection);
            }

            Silence(peer, connection, nowMs);
        }

        return (StreamTask.None, null);
    }

    private static StreamConnection? Current(Peer peer) =>
        peer.Destination as StreamConnection is { IsFailed: false } current ? current : null;

    /// <summary>
    /// Whether each end has dialled one of the two at the same time: then each would prefer the other's. Not once one has
    /// superseded the other: the peer has chosen by then.
    /// </summary>
    private static bool HaveCrossed(StreamConnection current, StreamConnection newer) =>
        current.IsDialed != newer.IsDialed && !newer.Standing.WasSuperseded
        && Math.Abs(newer.SinceMs - current.SinceMs) < CrossingMs;

    /// <summary>
    /// Of two that have crossed, the one that was dialled by the end with the smaller public key stays. Whether that is us.
    /// </summary>
    private bool StaysDialed(Peer peer) => LocalKey() is { } local && local.Bytes.SequenceCompareTo(peer.PublicKey.Bytes) < 0;

    /// <summary>Makes the connection the destination, with all beside it that have joined the same one.</summary>
    private void UseAll(Peer peer, StreamConnection connection)
    {
        foreach (StreamConnection other in peer.Connections)
        {
            bool joined = other.Standing.Base == connection.Standing.Base;
            if (other == connection || (joined && other is { IsFailed: false, Standing.IsSilent: false }))
                Use(other);
        }

        peer.Destination = connection;
        Publish(peer);
    }

    private static void Use(StreamConnection connection)
    {
        connection.Standing.KeptUntilMs = PeerTimers.Never;
        connection.Standing.AskedMs = 0;
        connection.Standing.IsSilent = false;
        connection.IsInUse = true;
    }

    private void Supersede(Peer peer, StreamConnection loser, long nowMs, int crossedMs)
    {
        Log.ConnectionSuperseded(_log, peer, loser.Address);
        loser.IsInUse = false;
        loser.Standing.WasSuperseded = true;
        loser.Standing.WinsBackFromMs = nowMs + crossedMs;
        loser.Standing.KeptUntilMs = nowMs + SettleMs;
    }

    /// <summary>It has not answered: what would go on it goes elsewhere, until it does or is closed.</summary>
    private void Silence(Peer peer, StreamConnection connection, long nowMs)
    {
        // Those that hear may have broken this very moment: control is about to be told.
        if (Used(peer).FirstOrDefault(other => other != connection) is not { } other)
            return;
        Log.ConnectionSilent(_log, peer, connection.Address);
        connection.IsInUse = false;
        connection.Standing.IsSilent = true;
        connection.Standing.KeptUntilMs = nowMs + StreamProof.CloseMs - StreamProof.AnswerMs;
        if (ReferenceEquals(peer.Destination, connection))
            peer.Destination = other;
        Publish(peer);
    }

    private void Publish(Peer peer) => peer.StreamByLane = ByLane([.. Used(peer)], _lanes);
}
