using WireGuard.Protocol.Tests;
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
    public void Connection_with_the_newest_counter_that_did_not_join_takes_the_place_of_all()
    {
        PeerConnection[] old = [_c.Use(_c.New()), _c.Use(_c.New(joins: true)), _c.Use(_c.New(joins: true))];
        PeerConnection newer = _c.Use(_c.New());
        Assert.Same(newer, _c.Destination);
        Assert.Equal([newer], _c.Used);
        Assert.Empty(_c.State.ByLane(4));
        Assert.All(old, connection => Assert.Equal(Superseded, connection.State));
        Assert.Equal(_c.NowMs + 10_000, _c.Deadline);
        _c.NowMs += 9_999;
        Assert.Empty(_c.Due());
        _c.NowMs++;
        Assert.Equal(old.Select(connection => (Close, (PeerConnection?)connection)), _c.Due());
        Assert.Equal([newer], _c.State.All);
        Assert.All(old, connection => Assert.Equal(Closed, connection.State));
    }

    [Fact]
    public void Handshake_or_late_message_alone_takes_no_place()
    {
        PeerConnection first = _c.Use(_c.New()), other = _c.Use(_c.New(), isNewest: false);
        Assert.Same(first, _c.Destination);
        Assert.Equal([first], _c.Used);
        Assert.Equal(Standby, other.State);
        Assert.False(_c.Hear(other, isNewest: false));
        Assert.True(_c.Hear(other));
        Assert.Same(other, _c.Destination);
    }

    [Fact]
    public void Connection_in_standby_is_closed_after_10_s()
    {
        _c.Use(_c.New());
        PeerConnection standby = _c.Use(_c.New(), isNewest: false);
        _c.NowMs += 10_000;
        Assert.Equal([(Close, standby)], _c.Due());
    }

    [Fact]
    public void Connection_that_was_taken_over_wins_back_with_its_next_message_and_all_that_joined_it_with_it()
    {
        PeerConnection[] honest = [_c.Use(_c.New()), _c.Use(_c.New(joins: true)), _c.Use(_c.New(joins: true))];
        PeerConnection thief = _c.Use(_c.New());
        foreach (PeerConnection first in honest)
        {
            Assert.Same(thief, _c.Destination);
            Assert.False(_c.Hear(first, isNewest: false)); // late
            Assert.True(_c.Hear(first));
            Assert.Same(first, _c.Destination);
            Assert.Equal(honest, _c.Used);
            _c.NowMs += 5_000;
            Assert.Empty(_c.Due());
            Assert.True(_c.Hear(thief)); // with another that it has kept back
        }

        _c.Hear(honest[0]);
        _c.NowMs += 10_000;
        Assert.Equal([(Close, thief)], _c.Due());
        Assert.Equal(honest, _c.State.All);
    }

    [Fact]
    public void What_joins_while_a_peer_is_taken_over_goes_with_the_older_connection_once_that_is_back()
    {
        PeerConnection honest = _c.Use(_c.New()), thief = _c.Use(_c.New()), joined = _c.Use(_c.New(joins: true));
        Assert.Equal([thief, joined], _c.Used);
        Assert.True(_c.Hear(honest));
        Assert.Equal([honest], _c.Used);
        Assert.False(_c.Hear(joined));
        Assert.Equal([honest, joined], _c.Used);
        Assert.Same(honest, _c.Destination);
    }

    [Fact]
    public void Joined_connection_is_the_destination_when_that_is_lost()
    {
        PeerConnection first = _c.Use(_c.New(0)), second = _c.Use(_c.New(1, joins: true)), third = _c.Use(_c.New(2, joins: true));
        _c.Break(first);
        Assert.Same(second, _c.Destination);
        Assert.Equal([second, second, third, third], _c.State.ByLane(4));
        _c.Break(second);
        _c.Break(third);
        Assert.Null(_c.Destination);
        Assert.Empty(_c.State.All);
    }

    [Fact]
    public void Connection_that_joins_nothing_is_the_destination()
    {
        PeerConnection only = _c.Use(_c.New(joins: true));
        Assert.Same(only, _c.Destination);
    }

    [Fact]
    public void Superseded_connection_that_is_needed_again_is_not_closed()
    {
        PeerConnection old = _c.Use(_c.New()), newer = _c.Use(_c.New());
        _c.Break(newer);
        Assert.Same(old, _c.Destination);
        _c.NowMs += 20_000;
        Assert.Empty(_c.Due());
    }

    [Fact]
    public void Connection_on_which_a_handshake_is_under_way_is_needed_before_one_that_was_superseded()
    {
        PeerConnection oldest = _c.Use(_c.New()), old = _c.Use(_c.New()), shaking = _c.Use(_c.New(), isNewest: false);
        Assert.True(_c.Hear(oldest));
        _c.Break(oldest);
        Assert.Same(shaking, _c.Destination);
        _c.Break(shaking);
        Assert.Same(old, _c.Destination);
    }

    [Fact]
    public void Connection_on_which_another_peer_authenticates_is_lost_without_being_closed()
    {
        PeerConnection first = _c.Use(_c.New()), second = _c.Use(_c.New(joins: true));
        Assert.Empty(_c.On(state => state.Release(first)));
        Assert.Same(second, _c.Destination);
        Assert.Equal([second], _c.State.All);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Connection_that_another_peer_had_meanwhile_has_the_same_place_again(int index)
    {
        PeerConnection[] used = [_c.Use(_c.New()), _c.Use(_c.New(joins: true)), _c.Use(_c.New(joins: true))];
        PeerConnection lent = used[index];
        Lend(lent);
        Assert.Equal(used.Where(connection => connection != lent), _c.Used);
        _c.Use(_c.State.Meet(lent.View!));
        Assert.Equal(used.Select(connection => connection.View), _c.Used.Select(connection => connection.View));
        Assert.All(_c.Used.ToArray(), connection => Assert.False(_c.Hear(connection)));
        Assert.Equal(3, _c.Used.Count());
    }

    [Fact]
    public void Connection_that_took_a_peer_over_has_not_joined_others_once_another_peer_had_it()
    {
        PeerConnection honest = _c.Use(_c.New()), thief = _c.Use(_c.New());
        Lend(thief);
        Assert.Same(honest, _c.Destination);
        thief = _c.Use(_c.State.Meet(thief.View!), isNewest: false);
        Assert.Equal(Standby, thief.State);
        Assert.Equal([honest], _c.Used);
    }

    [Fact]
    public void Connections_that_other_peers_have_are_remembered_up_to_a_limit_while_they_last()
    {
        PeerConnection[] lent = [.. Enumerable.Range(0, 9).Select(_ => LendNew())];
        Assert.NotSame(lent[0], _c.State.Meet(lent[0].View!));
        Assert.Same(lent[1], _c.State.Meet(lent[1].View!));
        Connections.ViewOf(lent[2]).IsFailed = true;
        LendNew();
        Assert.NotSame(lent[2], _c.State.Meet(lent[2].View!));
        Assert.Same(lent[3], _c.State.Meet(lent[3].View!));

        PeerConnection LendNew()
        {
            PeerConnection connection = _c.Use(_c.New());
            Lend(connection);
            return connection;
        }
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

    // ---- each proves itself ---------------------------------------------------------------------------------------

    [Fact]
    public void Connection_that_hears_nothing_while_another_does_is_asked_for_an_answer_then_left_then_closed()
    {
        (PeerConnection swallowed, PeerConnection other) = SendOnTwo();
        _c.Hear(other, atMs: _c.NowMs + 2_000);
        Assert.Equal(_c.NowMs + 3_000, _c.Deadline);
        _c.NowMs += 2_999;
        Assert.Empty(_c.Due());
        _c.NowMs++;
        Assert.Equal([(Ask, swallowed)], _c.Due());
        _c.Hear(other, atMs: _c.NowMs + 1_000);
        _c.NowMs += 1_499;
        Assert.Empty(_c.Due());
        Assert.Same(swallowed, _c.Destination);
        _c.NowMs++;
        Assert.Equal([new(NoteSilent, swallowed)], _c.On(state => state.Poll(_c.NowMs)));
        Assert.Equal(Silent, swallowed.State);
        Assert.Equal([other], _c.Used);
        Assert.Same(other, _c.Destination);
        _c.NowMs += 2_499;
        Assert.Empty(_c.Due());
        _c.NowMs++;
        Assert.Contains(
            new(Close, swallowed, "the peer does not answer on it"), _c.On(state => state.Poll(_c.NowMs)));
    }

    [Fact]
    public void Connection_of_a_flow_that_goes_one_way_answers_and_stays()
    {
        (PeerConnection oneWay, PeerConnection other) = SendOnTwo();
        for (int i = 0; i < 5; i++)
        {
            _c.Hear(other, atMs: _c.NowMs + 2_999);
            _c.NowMs += 3_000;
            Assert.Equal([(Ask, oneWay)], _c.Due());
            _c.Hear(oneWay, isNewest: false, atMs: _c.NowMs + 200);
            _c.NowMs += 1_000;
            Connections.ViewOf(oneWay).Send(_c.NowMs);
            Assert.Empty(_c.Due());
        }

        Assert.Equal([oneWay, other], _c.Used);
    }

    [Fact]
    public void Connection_that_is_full_and_still_moves_need_not_answer()
    {
        (PeerConnection slow, PeerConnection other) = SendOnTwo();
        Connections.FakeView view = Connections.ViewOf(slow);
        view.IsCongested = true;
        for (int second = 0; second < 20; second++)
        {
            view.StillSinceMs = _c.NowMs;
            _c.NowMs += 1_000;
            _c.Hear(other);
            Assert.Empty(_c.Due());
        }

        Assert.Equal([slow, other], _c.Used);
        for (int second = 0; second < 8; second++)
        {
            _c.NowMs += 1_000;
            _c.Hear(other);
            _c.Due();
        }

        Assert.Equal([other], _c.Used);
    }

    [Fact]
    public void Connection_that_others_take_back_into_use_with_them_is_none_that_is_silent()
    {
        (PeerConnection swallowed, PeerConnection other) = SendOnTwo();
        LeaveSilent(other);
        _c.Use(_c.New());
        Assert.True(_c.Hear(other));
        Assert.Equal([other], _c.Used);
        Assert.Equal(Silent, swallowed.State);
    }

    [Fact]
    public void Answer_that_is_late_has_the_connection_used_again()
    {
        (PeerConnection slow, PeerConnection other) = SendOnTwo();
        _c.Hear(other, atMs: _c.NowMs + 4_000);
        _c.NowMs += 3_000;
        _c.Due();
        _c.NowMs += 2_000;
        Assert.Empty(_c.Due());
        Assert.Equal([other], _c.Used);
        _c.Hear(slow, isNewest: false, atMs: _c.NowMs);
        Assert.Equal([slow, other], _c.Used);
        _c.NowMs += 20_000;
        Assert.Empty(_c.Due());
    }

    [Fact]
    public void Connection_need_not_prove_itself_while_none_of_the_peers_hears()
    {
        SendOnTwo();
        Assert.Equal(long.MaxValue, _c.Deadline);
        _c.NowMs += 20_000;
        Assert.Empty(_c.Due());
    }

    [Fact]
    public void Peer_that_gives_no_answers_is_asked_for_none()
    {
        (_, PeerConnection other) = SendOnTwo();
        _c.GivesAnswers = false;
        _c.Hear(other, atMs: _c.NowMs + 2_000);
        _c.NowMs += 20_000;
        Assert.Empty(_c.Due());
    }

    [Fact]
    public void Silent_connection_is_not_fallen_back_on_when_the_others_are_lost()
    {
        (PeerConnection swallowed, PeerConnection other) = SendOnTwo();
        LeaveSilent(other);
        _c.Break(other);
        Assert.Null(_c.Destination);
        Assert.Equal(Silent, swallowed.State);
        // It is used again as soon as anything comes in on it.
        Assert.True(_c.Hear(swallowed, isNewest: false));
        Assert.Equal([swallowed], _c.Used);
    }

    [Fact]
    public void Looking_for_what_is_due_allocates_nothing()
    {
        (PeerConnection first, PeerConnection second) = SendOnTwo();
        _c.Hear(second, atMs: _c.NowMs + 2_000);
        long sum = 0;
        Assert.Equal(0, Allocations.Of(() => sum += _c.Deadline + (_c.State.MayBeSilent(first, _c.NowMs + 1_500) ? 1 : 0)));
        Assert.NotEqual(0, sum);
    }

    [Fact]
    public void Connection_may_need_a_proof_once_it_has_sent_for_half_that_time_beside_another()
    {
        (PeerConnection first, PeerConnection second) = SendOnTwo();
        Assert.False(_c.State.MayBeSilent(first, _c.NowMs + 1_499));
        Assert.True(_c.State.MayBeSilent(first, _c.NowMs + 1_500));
        _c.Break(second);
        Assert.False(_c.State.MayBeSilent(first, _c.NowMs + 1_500));
    }

    /// <summary>Another peer authenticates on it: lanes forget that it has joined.</summary>
    private void Lend(PeerConnection connection)
    {
        _c.On(state => state.Release(connection));
        Connections.ViewOf(connection).IsJoined = false;
    }

    private void LeaveSilent(PeerConnection other)
    {
        _c.Hear(other, atMs: _c.NowMs + 2_000);
        _c.NowMs += 3_000;
        _c.Due();
        _c.Hear(other, atMs: _c.NowMs + 1_000);
        _c.NowMs += 1_500;
        _c.Due();
        Assert.Equal([other], _c.Used);
    }

    /// <summary>Something was sent on each of two that are used.</summary>
    private (PeerConnection First, PeerConnection Second) SendOnTwo()
    {
        _c.GivesAnswers = true;
        PeerConnection first = _c.Use(_c.New(0)), second = _c.Use(_c.New(1, joins: true));
        Connections.ViewOf(first).Send(_c.NowMs);
        Connections.ViewOf(second).Send(_c.NowMs);
        return (first, second);
    }
}
