using System.Globalization;
using Microsoft.Extensions.Logging;
using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Lanes;
using WireGuard.Daemon.Transport;

namespace WireGuard.Daemon.Control;

/// <summary>
/// Every connection that is open, whoever's it is: each gets a number, a lane that owns it, and while it is a stranger's a place
/// among those. Control only; lanes find a connection by its number.
/// </summary>
internal sealed class OpenConnections
{
    /// <summary>How long a connection whose socket takes nothing is believed in.</summary>
    private const int StallMs = 10_000;

    private readonly ControlLoop _loop;
    private readonly ControlInbox _inbox;
    private readonly IReadOnlyList<Lane> _lanes;
    private readonly Published _published;
    private readonly ILogger _log;
    private readonly int[] _laneWakes;
    private readonly LaneShares _shares;
    private readonly Strangers _strangers = new();
    private ulong _nextId = LaneEvents.FirstStream;

    public OpenConnections(ControlLoop loop, ControlInbox inbox, IReadOnlyList<Lane> lanes, Published published, ILogger log)
    {
        _loop = loop;
        _inbox = inbox;
        _lanes = lanes;
        _published = published;
        _log = log;
        _laneWakes = [.. lanes.Select(lane => lane.WakeFd)];
        _shares = new LaneShares(lanes.Count);
    }

    /// <summary>Some may be ended while they are gone through.</summary>
    public IEnumerable<StreamConnection> All => _published.Connections.Select(entry => entry.Value);

    /// <summary>Connections that were turned away, because too many strangers had one.</summary>
    public long Refused => _strangers.Refused;

    public bool Contains(StreamConnection connection) => _published.Connections.ContainsKey(connection.Id);

    /// <summary>Somebody called. The socket is closed if there are too many of whom nobody knows who they are.</summary>
    public void Accept(int fd, EndpointAddress from)
    {
        if (!_strangers.TryAdmit(from))
        {
            Log.ConnectionRefused(_log, from);
            Sys.Close(fd);
            return;
        }

        Log.ConnectionAccepted(_log, from);
        Begin(fd, from, _shares.Take([]), dialedFor: null).IsStranger = true;
    }

    /// <summary>The socket is connected to the peer's endpoint.</summary>
    public StreamConnection Dialed(Peer peer, int fd)
    {
        EndpointAddress endpoint = peer.Endpoint!.Value;
        Log.ConnectionDialed(_log, peer, endpoint);
        return Begin(fd, endpoint, _shares.Take([.. PeerStreams.Used(peer)]), peer);
    }

    /// <summary>The one at the far end is known, or gone.</summary>
    public void ForgetStranger(StreamConnection connection)
    {
        if (connection.IsStranger)
            _strangers.Forget(connection.Address);
        connection.IsStranger = false;
    }

    /// <summary>Shuts the connection down. Lanes may hold it until it has been retired.</summary>
    /// <returns>False if it had ended before.</returns>
    public bool TryEnd(StreamConnection connection, string reason)
    {
        if (!_published.Connections.TryRemove(connection.Id, out _))
            return false;
        Log.ConnectionClosed(_log, connection.Address, reason);
        connection.Shutdown();
        ForgetStranger(connection);
        _shares.GiveBack(connection.Lane);
        return true;
    }

    /// <summary>Why a connection is not to be kept any longer; null if it may stay.</summary>
    public string? Overdue(StreamConnection connection)
    {
        if (connection.Peer is null && _loop.NowMs - connection.SinceMs >= Strangers.PatienceMs)
            return "nobody has authenticated on it";
        return connection.IsStalled(_loop.NowMs, StallMs)
            ? string.Create(CultureInfo.InvariantCulture, $"nothing has moved for {StallMs / 1000} s")
            : null;
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
