using System.Diagnostics;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>When a lane waits, and that it never waits in vain.</summary>
public sealed unsafe class BackpressureTests : IDisposable
{
    private const long Now = 1_000_000;
    private const int Lane = 1, Owner = 0;
    private const short POLLIN = 1; // include/uapi/asm-generic/poll.h

    private readonly ControlInbox _inbox = new();
    private readonly int[] _wakes = [Sys.Check(Sys.EventFd(), "eventfd"), Sys.Check(Sys.EventFd(), "eventfd")];
    private readonly List<SocketPair> _pairs = [];
    private readonly List<StreamConnection> _connections = [];
    private readonly Backpressure _backpressure = new();
    private readonly byte[] _frame = new byte[32_000];
    private bool _hasSeveralPeers;

    public BackpressureTests()
    {
        Span<byte> message = _frame.AsSpan(FrameCodec.HeaderSize);
        message[0] = 4;
        FrameCodec.WriteHeader(_frame, message);
    }

    public void Dispose()
    {
        _connections.ForEach(connection => connection.Dispose());
        _pairs.ForEach(pair => pair.Dispose());
        foreach (int wake in _wakes)
            Sys.Close(wake);
        _inbox.Dispose();
    }

    [Fact]
    public void Lane_that_has_sent_nothing_does_not_wait() => Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));

    [Fact]
    public void Lane_whose_only_peer_is_congested_waits()
    {
        StreamConnection connection = New();
        Send(connection, Now);
        Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        Congest(connection, Now);
        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now + 1));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(Backpressure.RecentMs - 1, false)]
    [InlineData(Backpressure.RecentMs, true)] // not lately any more
    public void Lane_does_not_wait_while_another_peer_sent_to_lately_still_moves(int sinceMs, bool waits)
    {
        StreamConnection full = New();
        Send(New(), Now);
        Congest(full, Now + sinceMs);
        Assert.Equal(waits, _backpressure.MustWait(Lane, _hasSeveralPeers, Now + sinceMs));
    }

    [Fact]
    public void Lane_waits_while_all_are_congested_and_one_moves()
    {
        StreamConnection stalled = New(), moving = New();
        Congest(stalled, Now);
        Congest(moving, Now + 50);
        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now + Backpressure.PatienceMs));
        Drain(0);
        Send(stalled, Now + Backpressure.PatienceMs);
        Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now + Backpressure.PatienceMs));
    }

    [Fact]
    public void Connection_that_is_congested_and_moves_is_waited_for_though_nothing_was_sent_on_it_lately()
    {
        StreamConnection connection = New();
        Congest(connection, Now);
        for (long nowMs = Now; nowMs < Now + 500; nowMs += 50)
        {
            // It takes a little, and is full again.
            while (connection.IsCongested && _pairs[0].ReadMessages(64_000).Count > 0)
            {
                connection.OnWritable(Owner, nowMs);
                if (connection.StillSinceMs == nowMs)
                    break;
            }

            Congest(connection, nowMs, notes: false);
            Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, nowMs));
        }
    }

    [Theory]
    [InlineData(Backpressure.PatienceMs - 1, true)]
    [InlineData(Backpressure.PatienceMs, false)]
    public void Lane_waits_no_longer_than_its_patience_for_what_does_not_move(int sinceMs, bool waits)
    {
        StreamConnection connection = New();
        Congest(connection, Now);
        Assert.Equal(waits, _backpressure.MustWait(Lane, _hasSeveralPeers, Now + sinceMs));
        // What is sent on it meanwhile moves nothing.
        Send(connection, Now + sinceMs);
        Assert.Equal(waits, _backpressure.MustWait(Lane, _hasSeveralPeers, Now + sinceMs));
    }

    [Fact]
    public void Pause_is_short_where_there_are_several_peers_and_then_the_device_is_read_until_it_is_empty()
    {
        _hasSeveralPeers = true;
        StreamConnection connection = New();
        Assert.Equal(-1, _backpressure.SleepMs);
        Congest(connection, Now);
        Assert.True(MustWait(Now));
        Assert.Equal(Backpressure.FirstPauseMs, _backpressure.SleepMs);
        Assert.True(MustWait(Now + Backpressure.FirstPauseMs - 1));
        long nowMs = Now + Backpressure.FirstPauseMs;
        Assert.False(MustWait(nowMs));
        Assert.Equal(-1, _backpressure.SleepMs);
        Assert.False(MustWait(nowMs)); // nothing was read yet
        _backpressure.HasRead(packets: 1, isEmpty: false, nowMs);
        Assert.False(MustWait(nowMs));
        _backpressure.HasRead(packets: 1, isEmpty: true, nowMs);
        Assert.True(MustWait(nowMs));
        Assert.True(MustWait(nowMs + Backpressure.LongestPauseMs - 1));
        Assert.False(MustWait(nowMs + Backpressure.LongestPauseMs));
    }

    [Theory]
    [InlineData(0, 10)]
    [InlineData(1, 10)]
    [InlineData(10, 10)]
    [InlineData(20, 5)]
    [InlineData(100, 1)]
    [InlineData(1_000, 1)]
    public void Pause_is_over_before_half_of_the_devices_queue_is_full(int packetsAMs, int pauseMs)
    {
        _hasSeveralPeers = true;
        Congest(New(), Now);
        _backpressure.HasRead(packets: 1, isEmpty: true, Now - 20);
        _backpressure.HasRead(packetsAMs * 15, isEmpty: false, Now - 5);
        _backpressure.HasRead(packetsAMs * 5, isEmpty: true, Now);
        Assert.True(MustWait(Now));
        Assert.Equal(pauseMs, _backpressure.SleepMs);
        Assert.True(MustWait(Now + pauseMs - 1));
        Assert.False(MustWait(Now + pauseMs));
    }

    [Fact]
    public void Only_peer_is_waited_for_as_long_as_it_moves()
    {
        Congest(New(), Now);
        for (int elapsed = 0; elapsed < Backpressure.PatienceMs; elapsed++)
            Assert.True(MustWait(Now + elapsed));
        // Another peer is configured: it may have something to send.
        _hasSeveralPeers = true;
        Assert.False(MustWait(Now + Backpressure.PatienceMs - 1));
    }

    [Fact]
    public void Failed_connection_is_not_waited_for()
    {
        StreamConnection connection = New();
        Congest(connection, Now);
        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        connection.Fail();
        Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        Send(connection, Now);
        Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
    }

    [Fact]
    public void Connection_that_fails_while_it_sends_is_congested_no_more_and_wakes_who_waits()
    {
        StreamConnection connection = New();
        Congest(connection, Now);
        for (int i = 0; i < 6; i++)
            Send(connection, Now);
        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        _pairs[0].CloseFar();
        connection.OnWritable(Owner, Now);
        Assert.True(connection.IsFailed);
        Assert.True(IsWoken(Lane));
        // Its queue is as long as it was, and nobody will ever empty it.
        Assert.True(connection.QueuedBytes > SendQueue.Limit / 2);
        Send(connection, Now);
        Assert.False(connection.IsCongested);
        Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
    }

    [Fact]
    public void Connection_that_is_closed_wakes_who_waits()
    {
        StreamConnection connection = New();
        Congest(connection, Now);
        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        Assert.False(IsWoken(Lane));
        connection.Shutdown();
        Assert.True(IsWoken(Lane));
        Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
    }

    [Fact]
    public void More_than_eight_are_not_waited_for_until_only_eight_are_left()
    {
        StreamConnection[] connections = [.. Enumerable.Range(0, 9).Select(_ => New())];
        foreach (StreamConnection connection in connections[..8])
            Congest(connection, Now);
        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        Send(connections[8], Now);
        Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        for (int elapsed = 50; elapsed < Backpressure.RecentMs; elapsed += 50)
        {
            foreach (StreamConnection connection in connections[..8])
                Move(connection, Now + elapsed);
            Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now + elapsed));
        }

        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now + Backpressure.RecentMs));
    }

    [Fact]
    public void Lane_is_woken_when_the_connection_is_drained_and_not_before()
    {
        StreamConnection connection = New();
        Congest(connection, Now);
        Assert.True(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        while (connection.IsCongested)
        {
            Assert.False(IsWoken(Lane));
            Assert.NotEmpty(_pairs[0].ReadMessages());
            connection.OnWritable(Owner, Now);
        }

        Assert.Equal(0, connection.QueuedBytes);
        Assert.True(IsWoken(Lane));
        Assert.False(IsWoken(Owner)); // who looks by itself
        Assert.False(_backpressure.MustWait(Lane, _hasSeveralPeers, Now));
        Congest(connection, Now);
        Drain(0);
        Assert.False(IsWoken(Lane)); // it did not ask again
    }

    [Fact]
    public void Owner_that_drains_the_connection_is_not_woken_for_it()
    {
        StreamConnection connection = New();
        Congest(connection, Now);
        Assert.True(_backpressure.MustWait(Owner, _hasSeveralPeers, Now));
        Drain(0);
        Assert.False(IsWoken(Owner));
        Assert.False(_backpressure.MustWait(Owner, _hasSeveralPeers, Now));
    }

    [Fact]
    public void Connection_that_was_drained_before_the_lane_could_ask_is_not_waited_for()
    {
        StreamConnection connection = New();
        Congest(connection, Now);
        Drain(0); // between the lane's look and its asking
        Assert.False(connection.TryWakeWhenDrained(Lane));
    }

    /// <summary>A lane that fills the connection and waits, and an owner that drains it, as fast as they can.</summary>
    [Fact]
    public void No_wake_up_is_ever_lost()
    {
        const int Waits = 300;
        StreamConnection connection = New();
        using var isDone = new ManualResetEventSlim();
        var owner = new Thread(() =>
        {
            while (!isDone.IsSet)
            {
                _pairs[0].ReadMessages();
                connection.OnWritable(Owner, Now);
            }
        });
        owner.Start();
        int lost = 0, waits = 0;
        var clock = Stopwatch.StartNew();
        while (waits < Waits && clock.Elapsed.TotalSeconds < 30)
        {
            Send(connection, Now);
            if (!_backpressure.MustWait(Lane, _hasSeveralPeers, Now))
                continue;
            waits++;
            var one = new pollfd { fd = _wakes[Lane], events = POLLIN };
            if (poll(&one, 1, 10_000) != 1)
                lost++;
            Sys.EventFdReset(_wakes[Lane]);
        }

        isDone.Set();
        owner.Join();
        Assert.True(waits > 0);
        Assert.Equal(0, lost);
    }

    [Fact]
    public void Steady_traffic_allocates_nothing()
    {
        StreamConnection connection = New(), other = New();
        void Turn()
        {
            _backpressure.Sent(connection, Now);
            _backpressure.Sent(other, Now);
            _backpressure.MustWait(Lane, _hasSeveralPeers, Now);
        }

        Congest(connection, Now);
        Congest(other, Now);
        Assert.Equal(0, Allocations.Of(Turn));
    }

    private StreamConnection New()
    {
        var pair = new SocketPair();
        pair.SetNearBuffer(16_384);
        _pairs.Add(pair);
        var connection = new StreamConnection(
            pair.Near, (uint)_pairs.Count, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox)
        { LaneWakes = _wakes };
        _connections.Add(connection);
        return connection;
    }

    private void Send(StreamConnection connection, long nowMs, bool notes = true)
    {
        fixed (byte* frame = _frame)
        {
            var piece = new iovec { iov_base = frame, iov_len = (nuint)_frame.Length };
            connection.Send(&piece, 1, nowMs);
        }

        if (notes)
            _backpressure.Sent(connection, nowMs);
    }

    /// <summary>Sends until the socket takes no more.</summary>
    private void Congest(StreamConnection connection, long nowMs, bool notes = true)
    {
        while (!connection.IsCongested)
            Send(connection, nowMs, notes);
        if (notes)
            _backpressure.Sent(connection, nowMs);
    }

    /// <summary>Reads until the socket takes something, which is not all that waits.</summary>
    private void Move(StreamConnection connection, long nowMs)
    {
        SocketPair pair = _pairs[_connections.IndexOf(connection)];
        pair.ReadMessages();
        connection.OnWritable(Owner, nowMs);
        Congest(connection, nowMs);
    }

    private void Drain(int index)
    {
        while (_connections[index].IsCongested)
        {
            _pairs[index].ReadMessages();
            _connections[index].OnWritable(Owner, Now);
        }

        _pairs[index].ReadMessages();
    }

    private bool MustWait(long nowMs) => _backpressure.MustWait(Lane, _hasSeveralPeers, nowMs);

    private bool IsWoken(int lane)
    {
        ulong count;
        return Sys.Read(_wakes[lane], (byte*)&count, sizeof(ulong)) == sizeof(ulong);
    }
}
