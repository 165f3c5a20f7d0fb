using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Daemon.Control;
using WireGuard.Daemon.Transport;

namespace WireGuard.Daemon.Tests.Control;

public sealed class PeerStreamsTests : IDisposable
{
    private static readonly EndpointAddress s_address = EndpointAddress.IPv4(0xc0000201, 51820);

    private readonly ControlInbox _inbox = new();
    private readonly ControlLoop _loop = new();
    private readonly List<StreamConnection> _closed = [];
    private readonly Peer _peer = Tunnel.NewPeer();
    private readonly PeerStreams _streams;
    private uint _lastId;

    public PeerStreamsTests()
    {
        _streams = new PeerStreams(_loop, 4, (connection, _) => _closed.Add(connection), NullLogger.Instance)
        {
            LocalKey = () => null,
            SettleMs = 0,
        };
    }

    public void Dispose()
    {
        _peer.Session.Dispose();
        _loop.Dispose();
        _inbox.Dispose();
    }

    // ---- which one a lane sends on --------------------------------------------------------------------------------

    [Fact]
    public void Lane_sends_on_the_one_connection_there_is()
    {
        StreamConnection only = Use(New(lane: 2));
        Assert.All(Enumerable.Range(Peer.NoLane, 6), lane => Assert.Same(only, _peer.StreamFor(lane)));
    }

    [Fact]
    public void Lane_sends_on_the_oldest_connection_it_owns_and_shares_if_it_owns_none()
    {
        StreamConnection first = Use(New(lane: 1)),
            second = Use(New(lane: 0, joins: true)), third = Use(New(lane: 1, joins: true));
        Assert.Equal([second, first, third, first], Enumerable.Range(0, 4).Select(_peer.StreamFor));
        Assert.Same(first, _peer.StreamFor(Peer.NoLane));
        Assert.Same(first, _peer.Destination);
    }

    [Fact]
    public void Connection_that_has_failed_is_not_sent_on_before_control_knows()
    {
        StreamConnection first = Use(New(lane: 0)), second = Use(New(lane: 1, joins: true));
        Assert.Same(second, _peer.StreamFor(1));
        second.Fail();
        Assert.Same(first, _peer.StreamFor(1));
    }

    /// <summary>
    /// The interface steers a flow's packets to the lane that wrote those of the other direction. Whatever lanes own the
    /// connections at either end, a flow must not wander from lane to lane for ever.
    /// </summary>
    [Fact]
    public void Flow_that_each_end_steers_by_the_other_settles()
    {
        var random = new Random(1);
        for (int round = 0; round < 2_000; round++)
        {
            int count = random.Next(1, 9), hereLanes = random.Next(1, 9), thereLanes = random.Next(1, 9);
            StreamConnection[] here = [.. Enumerable.Range(0, count).Select(_ => New(random.Next(hereLanes)))];
            StreamConnection[] there = [.. Enumerable.Range(0, count).Select(_ => New(random.Next(thereLanes)))];
            for (int start = 0; start < hereLanes; start++)
            {
                int lane = start, settled = -1;
                for (int turn = 0; turn < 2 * count; turn++)
                {
                    settled = lane;
                    int out1 = Array.IndexOf(here, Choice(here, hereLanes, lane));
                    int back = Array.IndexOf(there, Choice(there, thereLanes, there[out1].Lane));
                    lane = here[back].Lane;
                }

                Assert.Equal(settled, lane);
            }
        }
    }

    // ---- whose place a connection takes ---------------------------------------------------------------------------

    [Fact]
    public void Connection_that_joins_takes_the_place_of_none()
    {
        StreamConnection first = Use(New(lane: 0)), second = Use(New(lane: 1, joins: true));
        Assert.Same(first, _peer.Destination);
        Assert.Equal([first, second], PeerStreams.Used(_peer));
        Assert.False(first.IsYielding || second.IsYielding);
    }

    [Fact]
    public void Connection_that_did_not_join_takes_the_place_of_all()
    {
        StreamConnection[] old = [Use(New(lane: 0)), Use(New(lane: 1, joins: true)), Use(New(lane: 2, joins: true))];
        StreamConnection newer = Use(New(lane: 3));
        Assert.Same(newer, _peer.Destination);
        Assert.All(old, connection => Assert.True(connection.IsYielding));
        Assert.Equal([newer], PeerStreams.Used(_peer));
        Assert.All(Enumerable.Range(0, 4), lane => Assert.Same(newer, _peer.StreamFor(lane)));
        Assert.Empty(_closed);
        _streams.OnDeadline(_peer);
        Assert.Equivalent(old.Select(connection => connection.Id), _closed.Select(connection => connection.Id), strict: true);
    }

    [Fact]
    public void First_message_alone_can_join()
    {
        StreamConnection first = Use(New(lane: 0)), late = New(lane: 1);
        late.Authenticated(_peer);
        late.Join();
        Assert.False(late.IsJoined);
        Assert.True(_streams.TryAdopt(late, _peer) && _streams.TryUse(late, _peer));
        Assert.True(first.IsYielding);
    }

    [Fact]
    public void Connection_that_joined_one_peer_does_not_join_another_that_authenticates_on_it()
    {
        Peer other = Tunnel.NewPeer();
        StreamConnection joined = Use(New(lane: 0, joins: true));
        joined.Authenticated(other);
        Assert.False(joined.IsJoined);
        Assert.Same(other, joined.Peer);
        other.Session.Dispose();
    }

    [Fact]
    public void Joined_connection_is_the_destination_when_that_is_lost()
    {
        StreamConnection first = Use(New(lane: 0)),
            second = Use(New(lane: 1, joins: true)),
            third = Use(New(lane: 2, joins: true));
        _streams.Release(first);
        Assert.Same(second, _peer.Destination);
        Assert.Equal([second, second, third, third], Enumerable.Range(0, 4).Select(_peer.StreamFor));
        _streams.Release(second);
        _streams.Release(third);
        Assert.Null(_peer.Destination);
        Assert.All(Enumerable.Range(0, 4), lane => Assert.Null(_peer.StreamFor(lane)));
    }

    [Fact]
    public void Connection_that_joins_nothing_is_the_destination()
    {
        StreamConnection only = Use(New(lane: 1, joins: true));
        Assert.Same(only, _peer.Destination);
    }

    [Fact]
    public void Superseded_connection_that_is_needed_again_is_not_closed()
    {
        StreamConnection old = Use(New(lane: 0)), newer = Use(New(lane: 1));
        Assert.True(old.IsYielding);
        _streams.Release(newer);
        Assert.Same(old, _peer.Destination);
        _streams.OnDeadline(_peer);
        Assert.Empty(_closed);
    }

    [Fact]
    public void Peer_with_too_many_loses_one_that_yields_or_else_one_that_handshakes_do_not_need()
    {
        StreamConnection first = Use(New(lane: 0)),
            second = Use(New(lane: 1, joins: true)),
            third = Use(New(lane: 2, joins: true));
        Assert.Same(second, PeerStreams.Surplus(_peer, third));
        third.IsYielding = true;
        Assert.Same(third, PeerStreams.Surplus(_peer, second));
        Assert.Same(first, _peer.Destination);
    }

    private static StreamConnection Choice(StreamConnection[] used, int lanes, int lane) =>
        PeerStreams.ByLane(used, lanes) is { Length: > 0 } byLane ? byLane[lane] : used[0];

    private StreamConnection New(int lane, bool joins = false)
    {
        var connection = new StreamConnection(-1, ++_lastId, s_address, isDialed: false, _inbox)
        {
            Lane = lane,
            SinceMs = _loop.NowMs,
        };
        if (joins)
            connection.Join();
        return connection;
    }

    private StreamConnection Use(StreamConnection connection)
    {
        connection.Authenticated(_peer);
        Assert.True(_streams.TryAdopt(connection, _peer));
        _streams.TryUse(connection, _peer);
        return connection;
    }
}
