using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The open connections. Each has an id, by which lanes find it, and a lane that reads it. Its owner is the peer that it was
/// dialled for or, from then on, the one that has last authenticated on it; an accepted one has none before. Control only.
/// </summary>
internal sealed class OpenConnections
{
    /// <summary>How long a connection whose socket takes nothing is kept.</summary>
    private const int StallMs = 10_000;

    /// <summary>How many are closed at once when descriptors have run out.</summary>
    private const int RoomToMake = 16;

    private readonly EventLoop _loop;
    private readonly ControlInbox _inbox;
    private readonly IReadOnlyList<LaneDescriptors> _lanes;
    private readonly Published _published;
    private readonly GracePeriod _grace;
    private readonly ILogger _log;
    private readonly int[] _laneWakes;
    private readonly LaneShares _shares;
    private readonly UnauthenticatedConnections _unauthenticated = new();
    private readonly Dictionary<ulong, (StreamPeer Owner, PeerConnection Owned)> _owners = [];
    private ulong _lastId = LaneEvents.FirstStream - 1;

    /// <param name="loop">The control loop.</param>
    /// <param name="inbox">Where news of connections goes.</param>
    /// <param name="lanes">To own them.</param>
    /// <param name="published">Where lanes find them.</param>
    /// <param name="grace">Where those that were closed go.</param>
    /// <param name="log">Of the daemon.</param>
    public OpenConnections(
        EventLoop loop,
        ControlInbox inbox,
        IReadOnlyList<LaneDescriptors> lanes,
        Published published,
        GracePeriod grace,
        ILogger log)
    {
        (_loop, _inbox, _lanes, _published, _grace, _log) = (loop, inbox, lanes, published, grace, log);
        _laneWakes = [.. lanes.Select(lane => lane.Wake)];
        _shares = new LaneShares(lanes.Count);
    }

    public int Lanes => _lanes.Count;

    /// <summary>Some may be ended while they are gone through.</summary>
    public IEnumerable<StreamConnection> All => _published.Connections.Select(entry => entry.Value);

    /// <summary>Connections that were closed while unauthenticated, since there were too many.</summary>
    public long Refused { get; private set; }

    public bool Contains(StreamConnection connection) => _published.Connections.ContainsKey(connection.Id);

    /// <summary>The connection itself, of one that is open.</summary>
    public StreamConnection Of(PeerConnection owned) => _published.Connections[owned.View!.Id];

    /// <summary>Whose it is.</summary>
    /// <param name="connection">Which.</param>
    /// <param name="owner">The peer.</param>
    /// <param name="owned">What that peer's connections keep of it.</param>
    /// <returns>False of an accepted one that is unauthenticated, and of one that has ended.</returns>
    public bool TryGetOwner(
        StreamConnection connection, [NotNullWhen(true)] out StreamPeer? owner, [NotNullWhen(true)] out PeerConnection? owned)
    {
        bool isOwned = _owners.TryGetValue(connection.Id, out (StreamPeer Owner, PeerConnection Owned) entry);
        (owner, owned) = isOwned ? entry : default;
        return isOwned;
    }

    /// <summary>A peer has authenticated on it that did not own it.</summary>
    public void SetOwner(StreamConnection connection, StreamPeer owner, PeerConnection owned)
    {
        _unauthenticated.Remove(connection);
        connection.WasOwned = true;
        // What it was to the peer before, it is not to this one.
        connection.IsInUse = false;
        _owners[connection.Id] = (owner, owned);
    }

    /// <summary>A connection was accepted. If too many are unauthenticated, another is closed.</summary>
    public void Accept(int fd, EndpointAddress from)
    {
        Log.ConnectionAccepted(_log, from);
        StreamConnection connection = New(fd, from, isDialed: false, _shares.Take([]));
        _unauthenticated.Add(connection);
        Publish(connection);
        CloseSurplus();
    }

    /// <summary>A socket is connected to the owner's endpoint.</summary>
    /// <param name="owner">The peer that was dialled.</param>
    /// <param name="owned">What its connections keep of this one.</param>
    /// <param name="fd">The socket.</param>
    /// <param name="address">Where it was dialled.</param>
    /// <param name="joins">Whether it is to join the peer's others.</param>
    public void Dialed(StreamPeer owner, PeerConnection owned, int fd, EndpointAddress address, bool joins)
    {
        int lane = _shares.Take([.. owner.Connections.Used.Select(connection => connection.View!.Lane)]);
        StreamConnection connection = New(fd, address, isDialed: true, lane);
        if (joins)
            connection.Join();
        owned.View = connection;
        connection.WasOwned = true;
        _owners[connection.Id] = (owner, owned);
        Publish(connection);
    }

    /// <summary>Closes unauthenticated connections beyond their limits.</summary>
    public void CloseSurplus()
    {
        while (_unauthenticated.Surplus(_loop.NowMs) is { } surplus)
            Refuse(surplus);
    }

    /// <summary>Descriptors have run out: closes some unauthenticated connections, so that others can be accepted.</summary>
    /// <returns>Whether there were any.</returns>
    public bool MakeRoom()
    {
        int gone = 0;
        for (; gone < RoomToMake && _unauthenticated.Least() is { } least; gone++)
            Refuse(least);
        return gone != 0;
    }

    /// <summary>Why a connection is not to be kept any longer; null if it may stay.</summary>
    public string? Overdue(StreamConnection connection)
    {
        if (connection.Peer is null && _loop.NowMs - connection.SinceMs >= UnauthenticatedConnections.PatienceMs)
            return "no peer has authenticated on it";
        return connection.IsStalled(_loop.NowMs, StallMs)
            ? string.Create(CultureInfo.InvariantCulture, $"nothing has moved for {StallMs / 1000} s")
            : null;
    }

    /// <summary>
    /// Shuts the connection down. Its owner does not send on it any more; a lane may still hold it, until the grace period ends.
    /// </summary>
    public void End(StreamConnection connection, string reason)
    {
        if (!_published.Connections.TryRemove(connection.Id, out _))
            return;
        Log.ConnectionClosed(_log, connection.Address, reason);
        connection.Shutdown();
        connection.IsInUse = false;
        _unauthenticated.Remove(connection);
        _shares.GiveBack(connection.Lane);
        if (_owners.Remove(connection.Id, out (StreamPeer Owner, PeerConnection) entry))
            entry.Owner.Peer.CountDropped(connection.DroppedFrames);
        _grace.Retire(connection);
    }

    private void Refuse(StreamConnection connection)
    {
        Refused++;
        End(connection, "newer ones need its place");
    }

    private StreamConnection New(int fd, EndpointAddress address, bool isDialed, int lane) =>
        new(fd, ++_lastId, address, isDialed, _inbox) { SinceMs = _loop.NowMs, LaneWakes = _laneWakes, Lane = lane };

    /// <summary>From now on its lane reads it.</summary>
    private void Publish(StreamConnection connection)
    {
        _published.Connections[connection.Id] = connection;
        connection.AttachTo(_lanes[connection.Lane].Epoll);
    }
}

/// <summary>
/// Which lane is to own a new connection: the one that owns the fewest of the same peer's, and of those the one that owns the
/// fewest in all. The peer of an accepted connection is not known yet; but a peer's connections come one after the other, so the
/// lanes with the fewest are mostly right for them too. Control only.
/// </summary>
internal sealed class LaneShares
{
    private readonly int[] _owned;

    public LaneShares(int lanes) => _owned = new int[lanes];

    /// <summary>Chooses a lane, which owns one more from now on.</summary>
    /// <param name="ofPeer">The lanes that own the peer's others.</param>
    public int Take(IReadOnlyCollection<int> ofPeer)
    {
        int best = 0, bestOfPeer = int.MaxValue;
        for (int lane = 0; lane < _owned.Length; lane++)
        {
            int count = ofPeer.Count(other => other == lane);
            if (count > bestOfPeer || (count == bestOfPeer && _owned[lane] >= _owned[best]))
                continue;
            (best, bestOfPeer) = (lane, count);
        }

        _owned[best]++;
        return best;
    }

    /// <summary>A connection of that lane's has ended.</summary>
    public void GiveBack(int lane) => _owned[lane]--;
}
