using System.Runtime.InteropServices;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;
using static WireGuard.Vsock.Tests.Transport.NumberedMessage;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed unsafe class StreamConnectionTests : IDisposable
{
    private const long Now = 1_000_000;
    private static readonly EndpointAddress Address = EndpointAddress.IPv4(0xc0000201, 51820);

    private readonly SocketPair _pair = new();
    private readonly ControlInbox _inbox = new();
    private readonly StreamConnection _connection;
    private long _nowMs = Now;
    private readonly int _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
    private readonly EpollEvents _events = new(4);

    public StreamConnectionTests()
    {
        _pair.SetNearBuffer(32 * 1024);
        _connection = new StreamConnection(_pair.Near, 7, Address, isDialed: false, _inbox);
        _connection.AttachTo(_epoll);
    }

    public void Dispose()
    {
        _connection.Dispose();
        _pair.Dispose();
        _inbox.Dispose();
        Sys.Close(_epoll);
    }

    // ---- sending --------------------------------------------------------------------------------------------------

    [Fact]
    public void Batch_of_pieces_arrives_in_order()
    {
        Send([0, 1], [2], [3, 4, 5]);
        Assert.Equal([0, 1, 2, 3, 4, 5], Ids(_pair.ReadMessages()));
        Assert.Equal(0, _connection.QueuedBytes);
        Assert.False(IsWritable());
    }

    [Fact]
    public void Message_is_framed()
    {
        _connection.Send(Message(5, 92), Now);
        Assert.Equal(Message(5, 92), Assert.Single(_pair.ReadMessages()));
    }

    [Fact]
    public void What_a_full_socket_does_not_take_is_queued_and_sent_when_it_can()
    {
        int sent = 0;
        while (_connection.QueuedBytes == 0)
            Send([sent++, sent++, sent++], [sent++]);
        Assert.False(IsWritable());

        List<int> ids = [];
        Resume(ids);
        Assert.Equal(Enumerable.Range(0, sent), ids);
        Assert.Equal(0, _connection.DroppedFrames);
        Assert.False(IsWritable());
    }

    [Theory]
    [InlineData(1, 1_500)]
    [InlineData(2, 200)]
    [InlineData(3, 65_530)]
    public void Whole_frames_are_dropped_while_nobody_reads_and_the_others_arrive_in_order(int seed, int longest)
    {
        var random = new Random(seed);
        List<int> ids = [];
        int sent = 0;
        for (int round = 0; round < 20; round++)
        {
            _nowMs += 1_000; // so that what it has taken is long ago
            // Nobody reads, until a good deal was dropped; then somebody does, for a while.
            for (long dropped = _connection.DroppedFrames; _connection.DroppedFrames < dropped + 5;)
            {
                byte[][] pieces = new byte[random.Next(1, 5)][];
                for (int i = 0; i < pieces.Length; i++)
                {
                    int frames = random.Next(1, 4);
                    pieces[i] = [.. Enumerable.Range(0, frames).SelectMany(_ => Frame(sent++, random.Next(36, longest)))];
                }

                Send(pieces);
            }

            Assert.True(_connection.QueuedBytes <= SendQueue.Limit + (4 * 3 * 65_536));
            for (int i = random.Next(20); i > 0; i--)
            {
                ids.AddRange(Ids(_pair.ReadMessages(random.Next(1, 50_000))));
                _connection.OnWritable(0, _nowMs);
            }
        }

        Resume(ids);
        Assert.Equal(0, _pair.Incomplete);
        Assert.Equal(sent - _connection.DroppedFrames, ids.Count);
        Assert.Equal(ids.Order().Distinct(), ids);
    }

    [Fact]
    public void Concurrent_senders_keep_frames_whole_and_each_its_order()
    {
        const int Senders = 3, Each = 4_000;
        int running = Senders;
        Thread[] threads = [.. Enumerable.Range(0, Senders).Select(sender => new Thread(() =>
        {
            var random = new Random(sender);
            for (int i = 0; i < Each;)
            {
                int first = i, count = Math.Min(random.Next(1, 4), Each - i);
                i += count;
                Send([.. Enumerable.Range(first, count).SelectMany(id => Frame((sender << 24) | id, random.Next(36, 2_000)))]);
            }

            Interlocked.Decrement(ref running);
        }))];
        foreach (Thread thread in threads)
            thread.Start();

        List<int> ids = [];
        while (Volatile.Read(ref running) > 0 || _connection.QueuedBytes > 0)
        {
            if (IsWritable(timeoutMs: 1))
                _connection.OnWritable(0, Now);
            ids.AddRange(Ids(_pair.ReadMessages()));
        }

        ids.AddRange(Ids(_pair.ReadMessages()));
        Assert.Equal(0, _pair.Incomplete);
        Assert.Equal((Senders * Each) - _connection.DroppedFrames, ids.Count);
        for (int sender = 0; sender < Senders; sender++)
        {
            List<int> own = ids.FindAll(id => id >> 24 == sender);
            Assert.Equal(own.Order().Distinct(), own);
        }
    }

    [Fact]
    public void Sending_allocates_nothing()
    {
        byte[] frames = [.. Frame(1, 1_000), .. Frame(2, 1_000)];
        byte[] received = new byte[64 * 1024];
        void Turn()
        {
            for (int i = 0; i < 50; i++) // past what the socket takes
                Send(frames);
            while (Sys.Recv(_pair.Far, received, 0) > 0)
                _connection.OnWritable(0, Now);
        }

        Turn();
        Assert.Equal(0, Allocations.Of(Turn));
    }

    [Fact]
    public void Connection_whose_socket_is_full_for_too_long_is_stalled()
    {
        Assert.False(_connection.IsStalled(Now + 1_000_000, 10_000));
        for (int sent = 0; _connection.QueuedBytes == 0; sent++)
            Send([sent]);
        Assert.False(_connection.IsStalled(Now + 9_999, 10_000));
        Assert.True(_connection.IsStalled(Now + 10_000, 10_000));
        Send([1]); // more to send is no progress
        Assert.True(_connection.IsStalled(Now + 10_000, 10_000));
        _pair.ReadMessages();
        _connection.OnWritable(0, Now + 10_000);
        Assert.False(_connection.IsStalled(Now + 1_000_000, 10_000));
    }

    [Fact]
    public void Queue_is_full_from_the_first_frame_dropped_until_any_frame_fits_again()
    {
        for (int sent = 0; _connection.DroppedFrames == 0; sent++)
        {
            Assert.False(_connection.IsQueueFull);
            Send([sent]);
        }

        Assert.True(_connection.IsQueueFull);
        bool wasFull = true;
        while (_connection.QueuedBytes > 0)
        {
            _pair.ReadMessages();
            _connection.OnWritable(0, _nowMs += 1_000);
            bool isFull = _connection.IsQueueFull;
            Assert.True(wasFull || !isFull);
            Assert.Equal(_connection.QueuedBytes + 65_536 > SendQueue.Limit, isFull);
            wasFull = isFull;
        }

        Assert.False(_connection.IsQueueFull);
    }

    [Fact]
    public void Try_that_moves_nothing_is_no_progress()
    {
        for (int sent = 0; _connection.QueuedBytes == 0; sent++)
            Send([sent]);
        Assert.Equal(Now, _connection.StillSinceMs);
        _connection.OnWritable(0, Now + 5_000); // the far end has read nothing
        Assert.Equal(Now, _connection.StillSinceMs);
        Assert.True(_connection.IsStalled(Now + 10_000, 10_000));
        _pair.ReadMessages();
        _connection.OnWritable(0, Now + 10_000);
        Assert.Equal(Now + 10_000, _connection.StillSinceMs);
    }

    [Fact]
    public void Idle_connection_stands_still_only_from_when_something_waits()
    {
        Send([1]);
        _pair.ReadMessages();
        for (int sent = 0; _connection.QueuedBytes == 0; sent++)
            Send(Frame(sent, 500), Now + 1_000_000);
        Assert.False(_connection.IsStalled(Now + 1_009_999, 10_000));
    }

    // ---- receiving ------------------------------------------------------------------------------------------------

    [Fact]
    public void Beginning_of_a_frame_is_kept_wherever_the_stream_is_cut()
    {
        byte[] stream = [.. Frame(1, 36), .. Frame(2, 100), .. Frame(3, 64), .. Frame(4, 40)];
        byte[] buffer = new byte[70_000];
        for (int first = 0; first <= stream.Length; first++)
        {
            foreach (int second in (int[])[first, Math.Min(first + 1, stream.Length), (first + stream.Length) / 2])
            {
                List<int> ids = [];
                Deliver(stream.AsSpan(0, first), buffer, ids);
                Deliver(stream.AsSpan(first, second - first), buffer, ids);
                Deliver(stream.AsSpan(second), buffer, ids);
                Assert.Equal([1, 2, 3, 4], ids);
            }
        }
    }

    [Fact]
    public void Longest_frame_comes_byte_by_byte()
    {
        byte[] stream = Frame(9, FrameCodec.MaxMessageSize), buffer = new byte[70_000];
        List<int> ids = [];
        for (int i = 0; i < stream.Length; i += 7)
            Deliver(stream.AsSpan(i, Math.Min(7, stream.Length - i)), buffer, ids);
        Assert.Equal([9], ids);
    }

    [Fact]
    public void Nothing_to_receive_loses_nothing()
    {
        byte[] stream = Frame(1, 100), buffer = new byte[70_000];
        List<int> ids = [];
        Deliver(stream.AsSpan(0, 50), buffer, ids);
        Assert.Equal(-Errno.EAGAIN, _connection.Receive(buffer, out _));
        Deliver(stream.AsSpan(50), buffer, ids);
        Assert.Equal([1], ids);
    }

    [Fact]
    public void End_of_the_stream_is_zero_bytes()
    {
        _pair.CloseFar();
        Assert.Equal(0, _connection.Receive(new byte[100], out int filled));
        Assert.Equal(0, filled);
    }

    // ---- its end --------------------------------------------------------------------------------------------------

    [Fact]
    public void Connection_that_fails_tells_control_once()
    {
        _pair.CloseFar();
        Send([1]);
        Send([2]);
        _connection.Fail();
        Assert.True(_connection.IsFailed);
        Assert.True(_inbox.TryTake(out StreamConnection? failed));
        Assert.Same(_connection, failed);
        Assert.Equal(ConnectionSignals.Failed, failed.TakeSignals());
        _connection.Fail();
        Send([3]);
        Assert.False(_inbox.TryTake(out failed));
    }

    [Fact]
    public void Failed_connection_wakes_its_lane_no_more()
    {
        _pair.Write([1]);
        Assert.Equal(1, Sys.EpollWait(_epoll, _events, 0));
        _connection.Fail();
        Assert.Equal(0, Sys.EpollWait(_epoll, _events, 0));
        Send([0]);
        _pair.CloseFar();
        Assert.Equal(0, Sys.EpollWait(_epoll, _events, 0));
    }

    [Fact]
    public void Failed_connection_drops_what_it_is_given_and_is_not_stalled()
    {
        _pair.CloseFar();
        Send([1]);
        Assert.Equal(0, _connection.DroppedFrames);
        Send([2, 3], [4]);
        Assert.Equal(3, _connection.DroppedFrames);
        Assert.Equal(0, _connection.QueuedBytes);
        Assert.False(_connection.IsStalled(Now + 1_000_000, 10_000));
    }

    [Fact]
    public void Failed_connection_sends_nothing_more_since_its_descriptor_may_be_anothers_soon()
    {
        _connection.Fail();
        Send([1]);
        _connection.Send(Message(2, 92), Now);
        Assert.Empty(_pair.ReadMessages());
        Assert.Equal(2, _connection.DroppedFrames);
    }

    [Fact]
    public void Closing_a_connection_is_no_news_to_control()
    {
        _connection.Shutdown();
        _connection.Fail();
        Send([1]);
        Assert.True(_connection.IsFailed);
        Assert.Null(TakeNews());
    }

    [Fact]
    public void Closed_connection_is_at_its_end_for_both()
    {
        _connection.Shutdown();
        Assert.Equal(0, _connection.Receive(new byte[100], out _));
        Assert.Equal(0, Sys.Recv(_pair.Far, new byte[100], 0));
    }

    // ---- who it is ------------------------------------------------------------------------------------------------

    [Fact]
    public void First_authentic_message_is_news_and_the_next_is_not_once_the_connection_is_used()
    {
        using Tunnel tunnel = new(Now), other = new(Now);
        Assert.Null(_connection.Peer);
        Receive(tunnel);
        Assert.Equal(ConnectionSignals.Authenticated | ConnectionSignals.Newest, TakeNews());
        Assert.Same(tunnel.Peer, _connection.Peer);
        _connection.IsInUse = true;
        Receive(tunnel);
        Assert.Null(TakeNews());
        Receive(other);
        Assert.Equal(ConnectionSignals.Authenticated | ConnectionSignals.Newest, TakeNews());
    }

    [Fact]
    public void Newest_counter_is_news_on_a_connection_that_is_not_used_and_a_late_one_is_not()
    {
        using Tunnel tunnel = new(Now);
        Receive(tunnel, isNewest: false);
        Assert.Equal(ConnectionSignals.Authenticated, TakeNews());
        Receive(tunnel, isNewest: false);
        Assert.Null(TakeNews());
        Receive(tunnel);
        Assert.Equal(ConnectionSignals.Authenticated | ConnectionSignals.Newest, TakeNews());
    }

    [Fact]
    public void Connection_that_joined_one_peer_does_not_join_another_that_authenticates_on_it()
    {
        using Tunnel tunnel = new(Now), other = new(Now);
        _connection.Join();
        Receive(tunnel);
        Assert.True(_connection.IsJoined);
        Receive(other);
        Assert.False(_connection.IsJoined);
        Assert.Same(other.Peer, _connection.Peer);
    }

    [Fact]
    public void Only_the_first_message_can_join()
    {
        using Tunnel tunnel = new(Now);
        Receive(tunnel);
        _connection.Join();
        Assert.False(_connection.IsJoined);
    }

    [Fact]
    public void Connection_stands_in_the_inbox_once_whatever_it_signals()
    {
        using Tunnel tunnel = new(Now), other = new(Now);
        Receive(tunnel, isNewest: false);
        Receive(other, isNewest: false);
        _connection.Fail();
        Assert.Equal(ConnectionSignals.Authenticated | ConnectionSignals.Failed, TakeNews());
        Assert.Null(TakeNews());
    }

    [Fact]
    public void Hello_that_joins_is_news_where_the_connection_is_not_used_or_an_answer_is_asked_for()
    {
        _connection.HelloReceived(asks: false);
        Assert.Equal(ConnectionSignals.Authenticated, TakeNews());
        _connection.IsInUse = true;
        _connection.HelloReceived(asks: false);
        Assert.Null(TakeNews());
        _connection.HelloReceived(asks: true);
        Assert.Equal(ConnectionSignals.Asked, TakeNews());
    }

    [Fact]
    public void What_is_sent_is_unanswered_until_something_authentic_comes_in()
    {
        using Tunnel tunnel = new(Now);
        Assert.Equal(0, _connection.UnansweredSinceMs);
        _connection.Send(Message(1, 92), Now);
        _connection.Send(Message(2, 92), Now + 5);
        Assert.Equal(Now, _connection.UnansweredSinceMs);
        _pair.Write(Frame(1, 100));
        Assert.True(_connection.Receive(new byte[1_000], out _) > 0);
        Assert.Equal(Now, _connection.UnansweredSinceMs);
        Receive(tunnel, nowMs: Now + 6);
        Assert.Equal(0, _connection.UnansweredSinceMs);
        _connection.Send(Message(3, 92), Now + 9);
        Assert.Equal(Now + 9, _connection.UnansweredSinceMs);
        _connection.HandshakeReceived(tunnel.Peer, Now + 10);
        Assert.Equal(0, _connection.UnansweredSinceMs);
    }

    private void Receive(Tunnel tunnel, bool isNewest = true, long nowMs = Now) =>
        _connection.Received(tunnel.Peer, tunnel.Keypair, isNewest, nowMs);

    private ConnectionSignals? TakeNews() =>
        _inbox.TryTake(out StreamConnection? connection) ? connection.TakeSignals() : null;

    /// <summary>Sends pieces of frames of 500 bytes with these numbers.</summary>
    private void Send(params int[][] pieces) =>
        Send([.. pieces.Select(ids => (byte[])[.. ids.SelectMany(id => Frame(id, 500))])]);

    private void Send(params byte[][] pieces)
    {
        iovec* vector = stackalloc iovec[pieces.Length];
        var pins = stackalloc GCHandle[pieces.Length];
        for (int i = 0; i < pieces.Length; i++)
        {
            pins[i] = GCHandle.Alloc(pieces[i], GCHandleType.Pinned);
            vector[i] = new iovec { iov_base = (void*)pins[i].AddrOfPinnedObject(), iov_len = (nuint)pieces[i].Length };
        }

        _connection.Send(vector, pieces.Length, _nowMs);
        for (int i = 0; i < pieces.Length; i++)
            pins[i].Free();
    }

    /// <summary>Without an allocation of its own.</summary>
    private void Send(byte[] frames, long nowMs = Now)
    {
        fixed (byte* p = frames)
        {
            var piece = new iovec { iov_base = p, iov_len = (nuint)frames.Length };
            _connection.Send(&piece, 1, nowMs);
        }
    }

    /// <summary>The far end reads on until nothing is queued, and the lane that owns the connection does its part.</summary>
    private void Resume(List<int> ids)
    {
        while (_connection.QueuedBytes > 0)
        {
            ids.AddRange(Ids(_pair.ReadMessages()));
            Assert.True(IsWritable());
            _connection.OnWritable(0, Now);
        }

        ids.AddRange(Ids(_pair.ReadMessages()));
    }

    private void Deliver(ReadOnlySpan<byte> bytes, Span<byte> buffer, List<int> ids)
    {
        if (bytes.IsEmpty)
            return;
        _pair.Write(bytes);
        Assert.Equal(bytes.Length, _connection.Receive(buffer, out int filled));
        Span<byte> rest = buffer[..filled];
        FrameStatus status;
        while ((status = FrameCodec.TryRead(rest, out int length)) == FrameStatus.Complete)
        {
            ids.AddRange(Ids([rest.Slice(FrameCodec.HeaderSize, length).ToArray()]));
            rest = rest[(FrameCodec.HeaderSize + length)..];
        }

        Assert.Equal(FrameStatus.Incomplete, status);
        _connection.KeepPartial(rest);
        buffer.Clear(); // it is the lane's, for the next connection
    }

    /// <summary>
    /// Whether its owner's epoll says that the socket takes bytes again, which it does only if it was asked to.
    /// </summary>
    private bool IsWritable(int timeoutMs = 0) =>
        Sys.EpollWait(_epoll, _events, timeoutMs) == 1
        && _events.Data(0) == 7
        && (_events.Events(0) & EPOLLOUT) != 0;
}
