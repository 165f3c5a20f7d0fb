using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using static WireGuard.Vsock.Tests.Transport.NumberedMessage;

namespace WireGuard.Vsock.Tests.SharedState;

/// <summary>What a connection receives, its end, and what control hears of it.</summary>
public sealed class StreamConnectionTests : IDisposable
{
    private const long Now = ConnectionParts.Now;

    private readonly ConnectionParts _parts = new();

    public void Dispose() => _parts.Dispose();

    private SocketPair Pair => _parts.Pair;

    private StreamConnection Connection => _parts.Connection;

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
        Assert.Equal(-Errno.EAGAIN, Connection.Receive(buffer, out _));
        Deliver(stream.AsSpan(50), buffer, ids);
        Assert.Equal([1], ids);
    }

    [Fact]
    public void End_of_the_stream_is_zero_bytes()
    {
        Pair.CloseFar();
        Assert.Equal(0, Connection.Receive(new byte[100], out int filled));
        Assert.Equal(0, filled);
    }

    // ---- its end --------------------------------------------------------------------------------------------------

    [Fact]
    public void Connection_that_fails_tells_control_once()
    {
        Pair.CloseFar();
        _parts.Send([1]);
        _parts.Send([2]);
        Connection.Fail();
        Assert.True(Connection.IsFailed);
        Assert.True(_parts.Inbox.TryTake(out StreamConnection? failed));
        Assert.Same(Connection, failed);
        Assert.Equal(ConnectionSignals.Failed, failed.TakeSignals());
        Connection.Fail();
        _parts.Send([3]);
        Assert.False(_parts.Inbox.TryTake(out failed));
    }

    [Fact]
    public void Failed_connection_wakes_its_lane_no_more()
    {
        Pair.Write([1]);
        Assert.Equal(1, Sys.EpollWait(_parts.Epoll, _parts.Events, 0));
        Connection.Fail();
        Assert.Equal(0, Sys.EpollWait(_parts.Epoll, _parts.Events, 0));
        _parts.Send([0]);
        Pair.CloseFar();
        Assert.Equal(0, Sys.EpollWait(_parts.Epoll, _parts.Events, 0));
    }

    [Fact]
    public void Failed_connection_drops_what_it_is_given_and_is_not_stalled()
    {
        Pair.CloseFar();
        _parts.Send([1]);
        Assert.Equal(0, Connection.DroppedFrames);
        _parts.Send([2, 3], [4]);
        Assert.Equal(3, Connection.DroppedFrames);
        Assert.Equal(0, Connection.QueuedBytes);
        Assert.False(Connection.IsStalled(Now + 1_000_000, 10_000));
    }

    [Fact]
    public void Failed_connection_sends_nothing_more_since_its_descriptor_may_be_anothers_soon()
    {
        Connection.Fail();
        _parts.Send([1]);
        Connection.Send(Message(2, 92), Now);
        Assert.Empty(Pair.ReadMessages());
        Assert.Equal(2, Connection.DroppedFrames);
    }

    [Fact]
    public void Closing_a_connection_is_no_news_to_control()
    {
        Connection.Shutdown();
        Connection.Fail();
        _parts.Send([1]);
        Assert.True(Connection.IsFailed);
        Assert.Null(TakeNews());
    }

    [Fact]
    public void Closed_connection_is_at_its_end_for_both()
    {
        Connection.Shutdown();
        Assert.Equal(0, Connection.Receive(new byte[100], out _));
        Assert.Equal(0, Sys.Recv(Pair.Far, new byte[100], 0));
    }

    // ---- who it is ------------------------------------------------------------------------------------------------

    [Fact]
    public void First_authentic_message_is_news_and_the_next_is_not_once_the_connection_is_used()
    {
        using Tunnel tunnel = new(Now), other = new(Now);
        Assert.Null(Connection.Peer);
        Receive(tunnel);
        Assert.Equal(ConnectionSignals.Authenticated | ConnectionSignals.Newest, TakeNews());
        Assert.Same(tunnel.Peer, Connection.Peer);
        Connection.IsInUse = true;
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
        Connection.Join();
        Receive(tunnel);
        Assert.True(Connection.IsJoined);
        Receive(other);
        Assert.False(Connection.IsJoined);
        Assert.Same(other.Peer, Connection.Peer);
    }

    [Fact]
    public void Only_the_first_message_can_join()
    {
        using Tunnel tunnel = new(Now);
        Receive(tunnel);
        Connection.Join();
        Assert.False(Connection.IsJoined);
    }

    [Fact]
    public void Connection_stands_in_the_inbox_once_whatever_it_signals()
    {
        using Tunnel tunnel = new(Now), other = new(Now);
        Receive(tunnel, isNewest: false);
        Receive(other, isNewest: false);
        Connection.Fail();
        Assert.Equal(ConnectionSignals.Authenticated | ConnectionSignals.Failed, TakeNews());
        Assert.Null(TakeNews());
    }

    [Fact]
    public void Hello_that_joins_is_news_where_the_connection_is_not_used_or_an_answer_is_asked_for()
    {
        Connection.HelloReceived(asks: false);
        Assert.Equal(ConnectionSignals.Authenticated, TakeNews());
        Connection.IsInUse = true;
        Connection.HelloReceived(asks: false);
        Assert.Null(TakeNews());
        Connection.HelloReceived(asks: true);
        Assert.Equal(ConnectionSignals.Asked, TakeNews());
    }

    [Fact]
    public void What_is_sent_is_unanswered_until_something_authentic_comes_in()
    {
        using Tunnel tunnel = new(Now);
        Assert.Equal(0, Connection.UnansweredSinceMs);
        Connection.Send(Message(1, 92), Now);
        Connection.Send(Message(2, 92), Now + 5);
        Assert.Equal(Now, Connection.UnansweredSinceMs);
        Pair.Write(Frame(1, 100));
        Assert.True(Connection.Receive(new byte[1_000], out _) > 0);
        Assert.Equal(Now, Connection.UnansweredSinceMs);
        Receive(tunnel, nowMs: Now + 6);
        Assert.Equal(0, Connection.UnansweredSinceMs);
        Connection.Send(Message(3, 92), Now + 9);
        Assert.Equal(Now + 9, Connection.UnansweredSinceMs);
        Connection.HandshakeReceived(tunnel.Peer, Now + 10);
        Assert.Equal(0, Connection.UnansweredSinceMs);
    }

    private void Receive(Tunnel tunnel, bool isNewest = true, long nowMs = Now) =>
        Connection.Received(tunnel.Peer, tunnel.Keypair, isNewest, nowMs);

    private ConnectionSignals? TakeNews() =>
        _parts.Inbox.TryTake(out StreamConnection? connection) ? connection.TakeSignals() : null;

    private void Deliver(ReadOnlySpan<byte> bytes, Span<byte> buffer, List<int> ids)
    {
        if (bytes.IsEmpty)
            return;
        Pair.Write(bytes);
        Assert.Equal(bytes.Length, Connection.Receive(buffer, out int filled));
        Span<byte> rest = buffer[..filled];
        FrameStatus status;
        while ((status = FrameCodec.TryRead(rest, out int length)) == FrameStatus.Complete)
        {
            ids.AddRange(Ids([rest.Slice(FrameCodec.HeaderSize, length).ToArray()]));
            rest = rest[(FrameCodec.HeaderSize + length)..];
        }

        Assert.Equal(FrameStatus.Incomplete, status);
        Connection.KeepPartial(rest);
        buffer.Clear(); // it is the lane's, for the next connection
    }
}
