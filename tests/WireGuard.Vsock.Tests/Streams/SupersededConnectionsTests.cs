using WireGuard.Vsock.Streams;
using static WireGuard.Vsock.Streams.ConnectionAction;
using static WireGuard.Vsock.Streams.ConnectionState;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>A connection supersedes others; those win back, are lent to another peer, or are closed.</summary>
public sealed class SupersededConnectionsTests
{
    private readonly Connections _c = new();

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

    /// <summary>Another peer authenticates on it: lanes forget that it has joined.</summary>
    private void Lend(PeerConnection connection)
    {
        _c.On(state => state.Release(connection));
        Connections.ViewOf(connection).IsJoined = false;
    }
}
