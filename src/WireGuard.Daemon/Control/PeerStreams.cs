using Microsoft.Extensions.Logging;
using WireGuard.Daemon.Transport;
using WireGuard.Protocol.Session;

namespace WireGuard.Daemon.Control;

/// <summary>
/// Which connections a peer has, and which of them are used. One is its destination: handshakes go there, and so does everything
/// while it is alone. Beside it stand those that have joined it, by a HELLO that says so. A connection that did not join takes
/// the place of all before it. Control only.
/// <code>
/// stranger --joins--> of the set -----------------------.
///    |                   ^  its destination is lost      |
///    `--others----> the destination                      |
///                        `--a newer one that did not join takes their place--> yielding --settled--> closed
/// </code>
/// </summary>
internal sealed class PeerStreams
{
    /// <summary>
    /// Connections as young as this, one dialled by each end, have crossed: both ends then choose the same one.
    /// </summary>
    private const int CrossingMs = 10_000;

    private readonly ControlLoop _loop;
    private readonly int _lanes;
    private readonly Action<StreamConnection, string> _close;
    private readonly ILogger _log;

    /// <param name="loop">The control loop.</param>
    /// <param name="lanes">How many lanes there are.</param>
    /// <param name="close">Closes a connection, for that reason.</param>
    /// <param name="log">Of the daemon.</param>
    public PeerStreams(ControlLoop loop, int lanes, Action<StreamConnection, string> close, ILogger log)
    {
        _loop = loop;
        _lanes = lanes;
        _close = close;
        _log = log;
    }

    /// <summary>Our static public key, by which crossing connections are chosen from; null while there is none.</summary>
    public required Func<Protocol.Crypto.PublicKey?> LocalKey { get; init; }

    /// <summary>How long a connection that was superseded is still read, for what is under way on it.</summary>
    public int SettleMs { get; init; } = 2_000;

    /// <summary>Those that are used, oldest first.</summary>
    public static IEnumerable<StreamConnection> Used(Peer peer) =>
        peer.Connections.Where(connection => !connection.IsYielding && !connection.IsFailed);

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

    /// <summary>The connection is this peer's from now on.</summary>
    /// <returns>Whether that is news.</returns>
    public bool TryAdopt(StreamConnection connection, Peer peer)
    {
        if (connection.Owner == peer)
            return false;
        Release(connection);
        connection.Owner = peer;
        peer.Connections.Add(connection);
        return true;
    }

    /// <summary>
    /// Has a connection used on which the peer has just authenticated: beside the others if it has joined, else in their place.
    /// </summary>
    /// <returns>Whether the peer's destination is another now.</returns>
    public bool TryUse(StreamConnection connection, Peer peer)
    {
        if (connection.IsYielding || ReferenceEquals(peer.Destination, connection))
            return false;
        Destination? before = peer.Destination;
        if (before is not StreamConnection { IsFailed: false } current)
            peer.Destination = connection;
        else if (!connection.IsJoined)
            Choose(peer, current, connection);
        Publish(peer);
        return !ReferenceEquals(peer.Destination, before) || !connection.IsJoined;
    }

    /// <summary>The connection is nobody's any more; its peer falls back on another one that lives.</summary>
    public void Release(StreamConnection connection)
    {
        if (connection.Owner is not { } peer)
            return;
        connection.Owner = null;
        peer.Connections.Remove(connection);
        if (ReferenceEquals(peer.Destination, connection))
        {
            StreamConnection? other = Used(peer).FirstOrDefault() ?? peer.Connections.FindLast(candidate => !candidate.IsFailed);
            peer.Destination = other;
            if (other is not null)
                (other.IsYielding, other.SettledMs) = (false, PeerTimers.Never);
        }

        Publish(peer);
    }

    /// <summary>
    /// When the first of a peer's connections that yield is to be closed; <see cref="PeerTimers.Never"/> if none is.
    /// </summary>
    public static long NextDeadline(Peer peer)
    {
        long first = PeerTimers.Never;
        foreach (StreamConnection connection in peer.Connections)
            first = Math.Min(first, connection.SettledMs);
        return first;
    }

    /// <summary>Closes those that have yielded for long enough.</summary>
    public void OnDeadline(Peer peer)
    {
        foreach (StreamConnection connection in peer.Connections.ToArray())
        {
            if (_loop.NowMs >= connection.SettledMs)
                _close(connection, "another has taken its place");
        }
    }

    /// <summary>The one that a peer with too many can best do without.</summary>
    public static StreamConnection Surplus(Peer peer, StreamConnection newest) =>
        peer.Connections.Find(connection => connection.IsYielding)
        ?? peer.Connections.Find(connection => connection != newest && !ReferenceEquals(connection, peer.Destination))
        ?? peer.Connections[0];

    /// <summary>
    /// The newer connection is the one to send on. But where both ends have dialled at once, each would prefer the other's, for
    /// ever: then the one dialled by the end with the smaller public key stays, and the other is closed by its dialler, which
    /// alone would otherwise dial again.
    /// </summary>
    private void Choose(Peer peer, StreamConnection current, StreamConnection newer)
    {
        bool haveCrossed = current.IsDialed != newer.IsDialed && newer.SinceMs - current.SinceMs < CrossingMs
            && current.SinceMs - newer.SinceMs < CrossingMs;
        bool staysDialed = LocalKey() is { } local && local.Bytes.SequenceCompareTo(peer.PublicKey.Bytes) < 0;
        if (haveCrossed && current.IsDialed == staysDialed)
        {
            Yield(peer, newer, haveCrossed);
            return;
        }

        peer.Destination = newer;
        foreach (StreamConnection older in Used(peer).Where(connection => connection != newer).ToArray())
            Yield(peer, older, haveCrossed);
    }

    private void Yield(Peer peer, StreamConnection loser, bool haveCrossed)
    {
        loser.IsYielding = true;
        Log.ConnectionSuperseded(_log, peer, loser.Address);
        if (loser.IsDialed || !haveCrossed)
            loser.SettledMs = _loop.NowMs + SettleMs;
    }

    private void Publish(Peer peer) => peer.StreamByLane = ByLane([.. Used(peer)], _lanes);
}
