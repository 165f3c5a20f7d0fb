using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

public sealed class PeerStreamsTests : IDisposable
{
    private static readonly EndpointAddress s_address = EndpointAddress.IPv4(0xc0000201, 51820);

    private static readonly byte[] s_message = new byte[92];

    private readonly ControlInbox _inbox = new();
    private readonly SocketPair _first = new();
    private readonly SocketPair _second = new();
    private readonly Tunnel _tunnel = new(1_000_000);
    private readonly Peer _peer;
    private readonly PeerStreams _streams;
    private PublicKey? _localKey;
    private long _nowMs = 1_000_000;
    private ulong _lastId;

    public PeerStreamsTests()
    {
        _peer = _tunnel.Peer;
        _streams = new PeerStreams(4, NullLogger.Instance) { LocalKey = () => _localKey };
    }

    public void Dispose()
    {
        Sys.Close(_first.Near);
        Sys.Close(_second.Near);
        _first.Dispose();
        _second.Dispose();
        _tunnel.Dispose();
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
        StreamConnection first = Use(New(lane: 1)), second = Use(New(lane: 0, joins: true));
        StreamConnection third = Use(New(lane: 1, joins: true));
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
        // Their counters are mixed: neither supersedes the other.
        Assert.False(Hear(second));
        Assert.False(Hear(first));
        Assert.Equal([first, second], PeerStreams.Used(_peer));
    }

    [Fact]
    public void Connection_with_the_newest_counter_that_did_not_join_takes_the_place_of_all()
    {
        StreamConnection[] old = [Use(New(lane: 0)), Use(New(lane: 1, joins: true)), Use(New(lane: 2, joins: true))];
        StreamConnection newer = Use(New(lane: 3));
        Assert.Same(newer, _peer.Destination);
        Assert.Equal([newer], PeerStreams.Used(_peer));
        Assert.All(Enumerable.Range(0, 4), lane => Assert.Same(newer, _peer.StreamFor(lane)));
        Assert.Equal(_nowMs + 10_000, PeerStreams.NextDeadline(_peer, _nowMs));
        _nowMs += 9_999;
        Assert.Empty(Due());
        _nowMs++;
        Assert.Equal(old.Select(connection => (StreamTask.CloseSuperseded, connection)), Due());
        Assert.Equal([newer], _peer.Connections);
    }

    [Fact]
    public void Handshake_or_late_message_alone_takes_no_place()
    {
        StreamConnection first = Use(New(lane: 0)), other = Use(New(lane: 1), isNewest: false);
        Assert.Same(first, _peer.Destination);
        Assert.Equal([first], PeerStreams.Used(_peer));
        Assert.False(Hear(other, isNewest: false));
        Assert.True(Hear(other));
        Assert.Same(other, _peer.Destination);
    }

    [Fact]
    public void Handshake_makes_a_connection_the_destination_when_there_is_none()
    {
        StreamConnection only = Use(New(lane: 0), isNewest: false);
        Assert.Same(only, _peer.Destination);
        Assert.Equal(long.MaxValue, PeerStreams.NextDeadline(_peer, _nowMs));
    }

    [Fact]
    public void Connection_that_was_taken_over_wins_back_with_its_next_message_and_all_that_joined_it_with_it()
    {
        StreamConnection[] honest = [Use(New(lane: 0)), Use(New(lane: 1, joins: true)), Use(New(lane: 2, joins: true))];
        StreamConnection thief = New(lane: 3);
        Use(thief);
        foreach (StreamConnection first in honest)
        {
            Assert.Same(thief, _peer.Destination);
            Assert.False(Hear(first, isNewest: false)); // late
            Assert.True(Hear(first));
            Assert.Same(first, _peer.Destination);
            Assert.Equal(honest, PeerStreams.Used(_peer));
            _nowMs += 5_000;
            Assert.Empty(Due());
            Assert.True(Hear(thief)); // with another that it has kept back
        }

        Hear(honest[0]);
        _nowMs += 10_000;
        Assert.Equal([(StreamTask.CloseSuperseded, thief)], Due());
        Assert.Equal(honest, _peer.Connections);
    }

    [Fact]
    public void What_joins_while_a_peer_is_taken_over_goes_with_the_older_connection_once_that_is_back()
    {
        StreamConnection honest = Use(New(lane: 0)), thief = Use(New(lane: 1)), joined = Use(New(lane: 2, joins: true));
        Assert.Equal([thief, joined], PeerStreams.Used(_peer));
        Assert.True(Hear(honest));
        Assert.Equal([honest], PeerStreams.Used(_peer));
        Assert.False(Hear(joined));
        Assert.Equal([honest, joined], PeerStreams.Used(_peer));
        Assert.Same(honest, _peer.Destination);
    }

    [Fact]
    public void Joined_connection_is_the_destination_when_that_is_lost()
    {
        StreamConnection first = Use(New(lane: 0)), second = Use(New(lane: 1, joins: true));
        StreamConnection third = Use(New(lane: 2, joins: true));
        Release(first);
        Assert.Same(second, _peer.Destination);
        Assert.Equal([second, second, third, third], Enumerable.Range(0, 4).Select(_peer.StreamFor));
        Release(second);
        Release(third);
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
        Release(newer);
        Assert.Same(old, _peer.Destination);
        _nowMs += 20_000;
        Assert.Empty(Due());
    }

    [Fact]
    public void Connection_on_which_a_handshake_is_under_way_is_needed_before_one_that_was_superseded()
    {
        StreamConnection oldest = Use(New(lane: 0)), old = Use(New(lane: 1)), shaking = Use(New(lane: 2), isNewest: false);
        Assert.True(Hear(oldest));
        Release(oldest);
        Assert.Same(shaking, _peer.Destination);
        Release(shaking);
        Assert.Same(old, _peer.Destination);
    }

    // ---- both ends dial at once -----------------------------------------------------------------------------------

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_two_that_have_crossed_both_ends_choose_the_one_dialled_by_the_smaller_key(bool weAreSmaller)
    {
        ChooseKey(weAreSmaller);
        StreamConnection dialed = New(lane: 0, isDialed: true), accepted = New(lane: 1);
        (StreamConnection winner, StreamConnection loser) = weAreSmaller ? (dialed, accepted) : (accepted, dialed);
        foreach (bool winnerFirst in (bool[])[true, false])
        {
            Use(winnerFirst ? winner : loser, isNewest: false);
            Use(winnerFirst ? loser : winner);
            Assert.Same(winner, _peer.Destination);
            // The other end has not chosen yet.
            _nowMs += 999;
            Assert.False(Hear(loser));
            Assert.Same(winner, _peer.Destination);
            // It has, and otherwise.
            _nowMs++;
            Assert.True(Hear(loser));
            Assert.True(Hear(winner));
            Release(loser);
            Release(winner);
        }
    }

    [Fact]
    public void Late_choice_of_a_crossed_connection_keeps_it_open()
    {
        ChooseKey(weAreSmaller: true);
        Use(New(lane: 0, isDialed: true));
        StreamConnection loser = Use(New(lane: 1));
        _nowMs += 500;
        Hear(loser);
        Assert.Equal(_nowMs + 10_000, PeerStreams.NextDeadline(_peer, _nowMs));
    }

    [Fact]
    public void Connections_long_apart_have_not_crossed()
    {
        ChooseKey(weAreSmaller: true);
        Use(New(lane: 0, isDialed: true));
        _nowMs += 10_000;
        StreamConnection accepted = Use(New(lane: 1));
        Assert.Same(accepted, _peer.Destination);
    }

    // ---- too many -------------------------------------------------------------------------------------------------

    [Fact]
    public void Peer_with_too_many_loses_one_that_handshakes_do_not_need()
    {
        StreamConnection[] used = [.. Enumerable.Range(0, 9).Select(i => Use(New(lane: i % 4, joins: i > 0)))];
        Assert.Same(used[1], PeerStreams.Surplus(_peer, used[8]));
        Release(used[1]);
        Assert.Null(PeerStreams.Surplus(_peer, used[8]));
    }

    [Fact]
    public void Peer_with_too_many_that_are_not_used_loses_the_one_that_was_longest_silent()
    {
        StreamConnection[] made = [.. Enumerable.Range(0, 9).Select(i =>
        {
            _nowMs++;
            return Use(New(lane: i % 4));
        })];
        Assert.Null(PeerStreams.Surplus(_peer, made[8]));
        _nowMs++;
        Hear(made[0]);
        StreamConnection newest = Use(New(lane: 0));
        Assert.Same(made[1], PeerStreams.Surplus(_peer, newest));
    }

    // ---- each proves itself ---------------------------------------------------------------------------------------

    [Fact]
    public void Connection_that_hears_nothing_while_another_does_is_asked_for_an_answer_then_left_then_closed()
    {
        (StreamConnection swallowed, StreamConnection other) = SendOnTwo();
        Hear(other, atMs: _nowMs + 2_000);
        Assert.Equal(_nowMs + 3_000, PeerStreams.NextDeadline(_peer, _nowMs));
        _nowMs += 2_999;
        Assert.Empty(Due());
        _nowMs++;
        Assert.Equal([(StreamTask.Ask, swallowed)], Due());
        Hear(other, atMs: _nowMs + 1_000);
        _nowMs += 1_499;
        Assert.Empty(Due());
        Assert.Same(swallowed, _peer.Destination);
        _nowMs++;
        Assert.Empty(Due());
        Assert.Equal([other], PeerStreams.Used(_peer));
        Assert.Same(other, _peer.Destination);
        _nowMs += 2_499;
        Assert.Empty(Due());
        _nowMs++;
        Assert.Equal([(StreamTask.CloseSilent, swallowed)], Due());
    }

    [Fact]
    public void Connection_of_a_flow_that_goes_one_way_answers_and_stays()
    {
        (StreamConnection oneWay, StreamConnection other) = SendOnTwo();
        for (int i = 0; i < 5; i++)
        {
            Hear(other, atMs: _nowMs + 2_999);
            _nowMs += 3_000;
            Assert.Equal([(StreamTask.Ask, oneWay)], Due());
            Hear(oneWay, isNewest: false, atMs: _nowMs + 200);
            _nowMs += 1_000;
            oneWay.Send(s_message, _nowMs);
            Assert.Empty(Due());
        }

        Assert.Equal([oneWay, other], PeerStreams.Used(_peer));
    }

    [Fact]
    public void Connection_that_is_full_and_still_moves_need_not_answer()
    {
        (StreamConnection slow, StreamConnection other) = SendOnTwo();
        byte[] read = new byte[64 * 1024], large = new byte[32 * 1024];
        for (int second = 0; second < 20; second++)
        {
            while (!slow.IsCongested)
                slow.Send(large, _nowMs);
            _nowMs += 1_000;
            Hear(other);
            Assert.Empty(Due());
            for (int pieces = 0; pieces < 4; pieces++)
                Assert.InRange(Sys.Recv(_first.Far, read, 0), 1, read.Length);
            slow.OnWritable(0, _nowMs);
        }

        Assert.Equal([slow, other], PeerStreams.Used(_peer));
        for (int second = 0; second < 8; second++)
        {
            _nowMs += 1_000;
            Hear(other);
            Due();
        }

        Assert.Equal([other], PeerStreams.Used(_peer));
    }

    [Fact]
    public void Connection_that_others_take_back_into_use_with_them_is_none_that_is_silent()
    {
        (StreamConnection swallowed, StreamConnection other) = SendOnTwo();
        Hear(other, atMs: _nowMs + 2_000);
        _nowMs += 3_000;
        Due();
        Hear(other, atMs: _nowMs + 1_000);
        _nowMs += 1_500;
        Due();
        Assert.Equal([other], PeerStreams.Used(_peer));
        Use(New(lane: 2));
        Assert.True(Hear(other));
        Assert.Equal([other], PeerStreams.Used(_peer));
        Assert.False(swallowed.IsInUse);
    }

    [Fact]
    public void Answer_that_is_late_has_the_connection_used_again()
    {
        (StreamConnection slow, StreamConnection other) = SendOnTwo();
        Hear(other, atMs: _nowMs + 4_000);
        _nowMs += 3_000;
        Due();
        _nowMs += 2_000;
        Assert.Empty(Due());
        Assert.Equal([other], PeerStreams.Used(_peer));
        Hear(slow, isNewest: false, atMs: _nowMs);
        Assert.Equal([slow, other], PeerStreams.Used(_peer));
        _nowMs += 20_000;
        Assert.Empty(Due());
    }

    [Fact]
    public void Connection_need_not_prove_itself_while_none_of_the_peers_hears()
    {
        SendOnTwo();
        Assert.Equal(long.MaxValue, PeerStreams.NextDeadline(_peer, _nowMs));
        _nowMs += 20_000;
        Assert.Empty(Due());
    }

    [Fact]
    public void Peer_that_gives_no_answers_is_asked_for_none()
    {
        (_, StreamConnection other) = SendOnTwo();
        _tunnel.Keypair.RemoteHello = new Hello(0, HelloFeatures.None);
        Hear(other, atMs: _nowMs + 2_000);
        _nowMs += 20_000;
        Assert.Empty(Due());
    }

    private static StreamConnection Choice(StreamConnection[] used, int lanes, int lane) =>
        PeerStreams.ByLane(used, lanes) is { Length: > 0 } byLane ? byLane[lane] : used[0];

    /// <summary>Something was sent on each of two that are used.</summary>
    private (StreamConnection First, StreamConnection Second) SendOnTwo()
    {
        _tunnel.Keypair.RemoteHello = new Hello(0, HelloFeatures.Answers);
        StreamConnection first = Use(New(lane: 0, fd: _first.Near)), second = Use(New(lane: 1, joins: true, fd: _second.Near));
        first.Send(s_message, _nowMs);
        second.Send(s_message, _nowMs);
        return (first, second);
    }

    private void ChooseKey(bool weAreSmaller)
    {
        byte[] key = new byte[PublicKey.Size];
        key.AsSpan().Fill((byte)(weAreSmaller ? 0 : 255));
        _localKey = new PublicKey(key);
    }

    private StreamConnection New(int lane, bool joins = false, bool isDialed = false, int fd = -1)
    {
        var connection = new StreamConnection(fd, ++_lastId, s_address, isDialed, _inbox) { Lane = lane, SinceMs = _nowMs };
        if (joins)
            connection.Join();
        return connection;
    }

    /// <summary>The peer authenticates on it for the first time.</summary>
    private StreamConnection Use(StreamConnection connection, bool isNewest = true)
    {
        connection.HandshakeReceived(_peer, _nowMs - 1);
        Assert.True(_streams.TryAdopt(connection, _peer, _nowMs));
        _streams.TryUse(connection, _peer, isNewest, _nowMs);
        return connection;
    }

    /// <summary>An authentic message comes in on it.</summary>
    private bool Hear(StreamConnection connection, bool isNewest = true, long atMs = 0)
    {
        connection.HandshakeReceived(_peer, atMs == 0 ? _nowMs : atMs);
        return _streams.TryUse(connection, _peer, isNewest, _nowMs);
    }

    private void Release(StreamConnection connection) => _streams.Release(connection, _nowMs);

    /// <summary>What is due now; what is to be closed is.</summary>
    private List<(StreamTask Task, StreamConnection Connection)> Due()
    {
        List<(StreamTask, StreamConnection)> due = [];
        while (_streams.Poll(_peer, _nowMs) is { Connection: { } connection, Task: var task })
        {
            due.Add((task, connection));
            if (task != StreamTask.Ask)
                Release(connection);
        }

        return due;
    }
}
