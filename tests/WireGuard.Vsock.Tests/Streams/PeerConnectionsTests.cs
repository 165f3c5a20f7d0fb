using WireGuard.Vsock.Streams;
using static WireGuard.Vsock.Streams.ConnectionAction;
using static WireGuard.Vsock.Streams.ConnectionState;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>
/// Which connections of a peer are used: the arrows that are drawn at <see cref="ConnectionState"/>, but for dialling's.
/// </summary>
public sealed class PeerConnectionsTests
{
    private readonly Connections _c = new();

    // ---- how often a connection was replaced ------------------------------------------------------------------------

    [Fact]
    public void Each_connection_counts_those_that_were_in_its_place()
    {
        PeerConnection first = _c.Dial();
        Assert.Equal(0, first.Reconnects);
        _c.Break(first);
        PeerConnection second = _c.Use(_c.New());
        Assert.Equal(1, second.Reconnects);
        // One beside it is in a place of its own.
        PeerConnection beside = _c.Use(_c.New(joins: true));
        Assert.Equal(0, beside.Reconnects);
        // One that takes the place of both, and one that joins it.
        PeerConnection third = _c.Use(_c.New());
        Assert.Equal(2, third.Reconnects);
        Assert.Equal(1, _c.Use(_c.New(joins: true)).Reconnects);
        _c.On(state => state.CloseAll("the interface is down"));
        Assert.Equal(0, _c.Use(_c.New()).Reconnects);
    }

    // ---- which one a lane sends on --------------------------------------------------------------------------------

    [Fact]
    public void Lanes_share_the_one_connection_there_is()
    {
        PeerConnection only = _c.Use(_c.New(lane: 2));
        Assert.Same(only, _c.Destination);
        Assert.Empty(_c.State.ByLane(4));
    }

    [Fact]
    public void Lane_sends_on_the_oldest_connection_it_owns_and_shares_if_it_owns_none()
    {
        PeerConnection first = _c.Use(_c.New(lane: 1)), second = _c.Use(_c.New(lane: 0, joins: true));
        PeerConnection third = _c.Use(_c.New(lane: 1, joins: true));
        Assert.Equal([second, first, third, first], _c.State.ByLane(4));
        Assert.Same(first, _c.Destination);
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
            Connections here = new(), there = new();
            for (int i = 0; i < count; i++)
            {
                here.Use(here.New(random.Next(hereLanes), joins: i > 0));
                there.Use(there.New(random.Next(thereLanes), joins: i > 0));
            }

            for (int start = 0; start < hereLanes; start++)
            {
                int lane = start, settled = -1;
                for (int turn = 0; turn < 2 * count; turn++)
                {
                    settled = lane;
                    int back = Choice(there, thereLanes, LaneOf(there, Choice(here, hereLanes, lane)));
                    lane = LaneOf(here, back);
                }

                Assert.Equal(settled, lane);
            }
        }

        static int LaneOf(Connections end, int connection) => end.State.All[connection].View!.Lane;
        static int Choice(Connections end, int lanes, int lane) =>
            end.State.ByLane(lanes) is { Length: > 0 } byLane ? end.State.All.ToList().IndexOf(byLane[lane]) : 0;
    }

    // ---- whose place a connection takes ---------------------------------------------------------------------------

    [Fact]
    public void First_on_which_the_peer_authenticates_is_used_and_what_is_staged_goes_there()
    {
        PeerConnection first = _c.New();
        Assert.Equal([(SendStaged, null)], Connections.Without(_c.On(state => state.Authenticated(first, false, _c.NowMs))));
        Assert.Equal(InUse, first.State);
        Assert.Equal(long.MaxValue, _c.Deadline);
        Assert.True(_c.State.TakeChange());
        Assert.False(_c.State.TakeChange());
    }

    [Fact]
    public void Connection_that_joins_takes_the_place_of_none()
    {
        PeerConnection first = _c.Use(_c.New(lane: 0)), second = _c.Use(_c.New(lane: 1, joins: true));
        Assert.Same(first, _c.Destination);
        Assert.Equal([first, second], _c.Used);
        // Their counters are mixed: neither supersedes the other.
        Assert.False(_c.Hear(second));
        Assert.False(_c.Hear(first));
        Assert.Equal([first, second], _c.Used);
    }

    [Fact]
    public void Connection_that_was_accepted_and_joins_is_answered_once()
    {
        _c.Use(_c.New());
        PeerConnection joining = _c.New(joins: true);
        List<ConnectionCommand> commands = _c.On(state => state.Authenticated(joining, true, _c.NowMs));
        Assert.Equal([new(SayJoin, joining), new(NoteJoined, joining, Value: 2)], commands);
        Assert.Empty(_c.On(state => state.Authenticated(joining, true, _c.NowMs)));
    }

    [Fact]
    public void Answer_that_the_peer_asks_for_goes_on_that_connection()
    {
        PeerConnection asked = _c.New();
        Assert.Empty(_c.On(state => state.Asked(asked)));
        _c.Use(asked);
        Assert.Equal([(SayJoin, asked)], Connections.Without(_c.On(state => state.Asked(asked))));
        Connections.ViewOf(asked).IsFailed = true;
        Assert.Empty(_c.On(state => state.Asked(asked)));
    }

    [Fact]
    public void Connection_that_has_failed_is_not_used_though_control_has_not_been_told()
    {
        PeerConnection first = _c.Use(_c.New()), second = _c.Use(_c.New(joins: true));
        Connections.ViewOf(second).IsFailed = true;
        Assert.Equal([first], _c.Used);
        Connections.ViewOf(first).IsFailed = true;
        Assert.Null(_c.State.HandshakePath);
        Assert.Empty(_c.On(state => state.Authenticated(first, true, _c.NowMs)));
    }

    [Fact]
    public void What_is_told_of_a_connection_that_was_closed_changes_nothing()
    {
        PeerConnection gone = _c.Use(_c.New());
        _c.Break(gone);
        Assert.Empty(_c.Break(gone));
        Assert.Empty(_c.On(state => state.Authenticated(gone, true, _c.NowMs)));
        Assert.Empty(_c.On(state => state.Asked(gone)));
        Assert.Null(_c.Destination);
    }

    // ---- both ends dial at once -----------------------------------------------------------------------------------

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_two_that_have_crossed_both_ends_choose_the_one_dialled_by_the_smaller_key(bool weAreSmaller)
    {
        _c.KeepsDialed = weAreSmaller;
        foreach (bool winnerFirst in (bool[])[true, false])
        {
            PeerConnection dialed = _c.New(isDialed: true), accepted = _c.New();
            (PeerConnection winner, PeerConnection loser) = weAreSmaller ? (dialed, accepted) : (accepted, dialed);
            _c.Use(winnerFirst ? winner : loser, isNewest: false);
            _c.Use(winnerFirst ? loser : winner);
            Assert.Same(winner, _c.Destination);
            Assert.Equal(Superseded, loser.State);
            // The other end has not chosen yet.
            _c.NowMs += 999;
            Assert.False(_c.Hear(loser));
            Assert.Same(winner, _c.Destination);
            // It has, and otherwise.
            _c.NowMs++;
            Assert.True(_c.Hear(loser));
            Assert.True(_c.Hear(winner));
            _c.Break(loser);
            _c.Break(winner);
        }
    }

    [Fact]
    public void Late_choice_of_a_crossed_connection_keeps_it_open()
    {
        _c.Use(_c.New(isDialed: true));
        PeerConnection loser = _c.Use(_c.New());
        _c.NowMs += 500;
        _c.Hear(loser);
        Assert.Equal(_c.NowMs + 10_000, _c.Deadline);
    }

    [Fact]
    public void Connections_long_apart_have_not_crossed()
    {
        _c.Use(_c.New(isDialed: true));
        _c.NowMs += 10_000;
        PeerConnection accepted = _c.Use(_c.New());
        Assert.Same(accepted, _c.Destination);
    }

    // ---- too many -------------------------------------------------------------------------------------------------

    [Fact]
    public void Peer_with_too_many_loses_one_that_handshakes_do_not_need()
    {
        PeerConnection[] used = [.. Enumerable.Range(0, 8).Select(i => _c.Use(_c.New(i % 4, joins: i > 0)))];
        PeerConnection newest = _c.New(joins: true);
        List<ConnectionCommand> commands = _c.On(state => state.Authenticated(newest, true, _c.NowMs));
        Assert.Contains(new(Close, used[1], "the peer has too many"), commands);
        Assert.Equal([used[0], .. used[2..], newest], _c.Used);
    }

    [Fact]
    public void Peer_with_too_many_that_are_not_used_loses_the_one_that_was_longest_silent()
    {
        PeerConnection[] made = [.. Enumerable.Range(0, 9).Select(i =>
        {
            _c.NowMs++;
            return _c.Use(_c.New());
        })];
        Assert.Equal(9, _c.State.All.Count);
        _c.NowMs++;
        _c.Hear(made[0]);
        PeerConnection newest = _c.Use(_c.New());
        Assert.Equal(Closed, made[1].State);
        Assert.Equal([made[0], .. made[2..], newest], _c.State.All);
    }
}
