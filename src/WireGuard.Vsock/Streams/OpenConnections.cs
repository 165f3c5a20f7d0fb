using System.Globalization;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Every connection that is open, whoever's it is: each gets a number, a lane that owns it, and while nobody has authenticated on
/// it a place among those. Control only; lanes find a connection by its number.
/// </summary>
internal sealed class OpenConnections
{
    /// <summary>How long a connection whose socket takes nothing is believed in.</summary>
    private const int StallMs = 10_000;

    /// <summary>How many go at once when descriptors have run out.</summary>
    private const int RoomToMake = 16;

    private readonly EventLoop _loop;
    private readonly ControlInbox _inbox;
    private readonly IReadOnlyList<LaneDescriptors> _lanes;
    private readonly Published _published;
    private readonly ILogger _log;
    private readonly int[] _laneWakes;
    private readonly LaneShares _shares;
    private readonly UnauthenticatedConnections _unauthenticated = new();
    private readonly Action<StreamConnection, string> _close;
    private ulong _nextId = LaneEvents.FirstStream;

    /// <param name="loop">The control loop.</param>
    /// <param name="inbox">Where news of connections goes.</param>
    /// <param name="lanes">To own them.</param>
    /// <param name="published">Where lanes find them.</param>
    /// <param name="close">Closes a connection, for that reason.</param>
    /// <param name="log">Of the daemon.</param>
    public OpenConnections(
        EventLoop loop,
        ControlInbox inbox,
        IReadOnlyList<LaneDescriptors> lanes,
        Published published,
        Action<StreamConnection, string> close,
        ILogger log)
    {
        _loop = loop;
        _inbox = inbox;
        _lanes = lanes;
        _published = published;
        _close = close;
        _log = log;
        _laneWakes = [.. lanes.Select(lane => lane.Wake)];
        _shares = new LaneShares(lanes.Count);
    }

    /// <summary>Some may be ended while they are gone through.</summary>
    public IEnumerable<StreamConnection> All => _published.Connections.Select(entry => entry.Value);

    /// <summary>Connections that were closed before anybody authenticated on them, since there were too many such.</summary>
    public long Refused { get; private set; }

    public bool Contains(StreamConnection connection) => _published.Connections.ContainsKey(connection.Id);

    /// <summary>Somebody called. If there are too many of whom nobody knows who they are, another goes.</summary>
    public void Accept(int fd, EndpointAddress from)
    {
        Log.ConnectionAccepted(_log, from);
        _unauthenticated.Add(Begin(fd, from, _shares.Take([]), dialedFor: null));
        CloseSurplus();
    }

    /// <summary>Closes what is too much of connections on which nobody has authenticated.</summary>
    public void CloseSurplus()
    {
        while (_unauthenticated.Surplus(_loop.NowMs) is { } surplus)
            Refuse(surplus);
    }

    /// <summary>Descriptors have run out: some go on which nobody has authenticated, so that others can come in.</summary>
    /// <returns>Whether any did.</returns>
    public bool MakeRoom()
    {
        int gone = 0;
        for (; gone < RoomToMake && _unauthenticated.Least() is { } least; gone++)
            Refuse(least);
        return gone != 0;
    }

    /// <summary>The socket is connected to the peer's endpoint.</summary>
    public StreamConnection Dialed(Peer peer, int fd)
    {
        EndpointAddress endpoint = peer.Endpoint!.Value;
        Log.ConnectionDialed(_log, peer, endpoint);
        return Begin(fd, endpoint, _shares.Take([.. PeerStreams.Used(peer)]), peer);
    }

    /// <summary>Somebody has authenticated on it.</summary>
    public void NoteAuthenticated(StreamConnection connection) => _unauthenticated.Remove(connection);

    /// <summary>Shuts the connection down. Lanes may hold it until it has been retired.</summary>
    /// <returns>False if it had ended before.</returns>
    public bool TryEnd(StreamConnection connection, string reason)
    {
        if (!_published.Connections.TryRemove(connection.Id, out _))
            return false;
        Log.ConnectionClosed(_log, connection.Address, reason);
        connection.Shutdown();
        _unauthenticated.Remove(connection);
        _shares.GiveBack(connection.Lane);
        return true;
    }

    /// <summary>Why a connection is not to be kept any longer; null if it may stay.</summary>
    public string? Overdue(StreamConnection connection)
    {
        if (connection.Peer is null && _loop.NowMs - connection.SinceMs >= UnauthenticatedConnections.PatienceMs)
            return "nobody has authenticated on it";
        return connection.IsStalled(_loop.NowMs, StallMs)
            ? string.Create(CultureInfo.InvariantCulture, $"nothing has moved for {StallMs / 1000} s")
            : null;
    }

    private void Refuse(StreamConnection connection)
    {
        Refused++;
        _close(connection, "newer ones need its place");
    }

    private StreamConnection Begin(int fd, EndpointAddress address, int lane, Peer? dialedFor)
    {
        var connection = new StreamConnection(fd, _nextId++, address, dialedFor is not null, _inbox)
        {
            SinceMs = _loop.NowMs,
            LaneWakes = _laneWakes,
            Lane = lane,
            DialedFor = dialedFor,
        };
        _published.Connections[connection.Id] = connection;
        connection.AttachTo(_lanes[lane].Epoll);
        return connection;
    }
}
