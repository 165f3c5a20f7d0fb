using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;
using static WireGuard.Vsock.Tests.Transport.NumberedMessage;

namespace WireGuard.Vsock.Tests.SharedState;

/// <summary>What a connection sends, queues and drops, and when it is stalled.</summary>
public sealed class StreamConnectionSendingTests : IDisposable
{
    private const long Now = ConnectionParts.Now;

    private readonly ConnectionParts _parts = new();

    public void Dispose() => _parts.Dispose();

    private SocketPair Pair => _parts.Pair;

    private StreamConnection Connection => _parts.Connection;

    [Fact]
    public void Batch_of_pieces_arrives_in_order()
    {
        _parts.Send([0, 1], [2], [3, 4, 5]);
        Assert.Equal([0, 1, 2, 3, 4, 5], Ids(Pair.ReadMessages()));
        Assert.Equal(0, Connection.QueuedBytes);
        Assert.False(IsWritable());
    }

    [Fact]
    public void Message_is_framed()
    {
        Connection.Send(Message(5, 92), Now);
        Assert.Equal(Message(5, 92), Assert.Single(Pair.ReadMessages()));
    }

    [Fact]
    public void What_a_full_socket_does_not_take_is_queued_and_sent_when_it_can()
    {
        int sent = 0;
        while (Connection.QueuedBytes == 0)
            _parts.Send([sent++, sent++, sent++], [sent++]);
        Assert.False(IsWritable());

        List<int> ids = [];
        Resume(ids);
        Assert.Equal(Enumerable.Range(0, sent), ids);
        Assert.Equal(0, Connection.DroppedFrames);
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
            _parts.NowMs += 1_000; // so that what it has taken is long ago
            // Nobody reads, until a good deal was dropped; then somebody does, for a while.
            for (long dropped = Connection.DroppedFrames; Connection.DroppedFrames < dropped + 5;)
            {
                byte[][] pieces = new byte[random.Next(1, 5)][];
                for (int i = 0; i < pieces.Length; i++)
                {
                    int frames = random.Next(1, 4);
                    pieces[i] = [.. Enumerable.Range(0, frames).SelectMany(_ => Frame(sent++, random.Next(36, longest)))];
                }

                _parts.Send(pieces);
            }

            Assert.True(Connection.QueuedBytes <= SendQueue.Limit + (4 * 3 * 65_536));
            for (int i = random.Next(20); i > 0; i--)
            {
                ids.AddRange(Ids(Pair.ReadMessages(random.Next(1, 50_000))));
                Connection.OnWritable(0, _parts.NowMs);
            }
        }

        Resume(ids);
        Assert.Equal(0, Pair.Incomplete);
        Assert.Equal(sent - Connection.DroppedFrames, ids.Count);
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
                IEnumerable<int> numbers = Enumerable.Range(first, count).Select(id => (sender << 24) | id);
                _parts.Send([.. numbers.SelectMany(id => Frame(id, random.Next(36, 2_000)))]);
            }

            Interlocked.Decrement(ref running);
        }))];
        foreach (Thread thread in threads)
            thread.Start();

        List<int> ids = [];
        while (Volatile.Read(ref running) > 0 || Connection.QueuedBytes > 0)
        {
            if (IsWritable(timeoutMs: 1))
                Connection.OnWritable(0, Now);
            ids.AddRange(Ids(Pair.ReadMessages()));
        }

        ids.AddRange(Ids(Pair.ReadMessages()));
        Assert.Equal(0, Pair.Incomplete);
        Assert.Equal((Senders * Each) - Connection.DroppedFrames, ids.Count);
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
                _parts.Send(frames);
            while (Sys.Recv(Pair.Far, received, 0) > 0)
                Connection.OnWritable(0, Now);
        }

        Turn();
        Assert.Equal(0, Allocations.Of(Turn));
    }

    [Fact]
    public void Connection_whose_socket_is_full_for_too_long_is_stalled()
    {
        Assert.False(Connection.IsStalled(Now + 1_000_000, 10_000));
        for (int sent = 0; Connection.QueuedBytes == 0; sent++)
            _parts.Send([sent]);
        Assert.False(Connection.IsStalled(Now + 9_999, 10_000));
        Assert.True(Connection.IsStalled(Now + 10_000, 10_000));
        _parts.Send([1]); // more to send is no progress
        Assert.True(Connection.IsStalled(Now + 10_000, 10_000));
        Pair.ReadMessages();
        Connection.OnWritable(0, Now + 10_000);
        Assert.False(Connection.IsStalled(Now + 1_000_000, 10_000));
    }

    [Fact]
    public void Queue_is_full_from_the_first_frame_dropped_until_any_frame_fits_again()
    {
        for (int sent = 0; Connection.DroppedFrames == 0; sent++)
        {
            Assert.False(Connection.IsQueueFull);
            _parts.Send([sent]);
        }

        Assert.True(Connection.IsQueueFull);
        bool wasFull = true;
        while (Connection.QueuedBytes > 0)
        {
            Pair.ReadMessages();
            Connection.OnWritable(0, _parts.NowMs += 1_000);
            bool isFull = Connection.IsQueueFull;
            Assert.True(wasFull || !isFull);
            Assert.Equal(Connection.QueuedBytes + 65_536 > SendQueue.Limit, isFull);
            wasFull = isFull;
        }

        Assert.False(Connection.IsQueueFull);
    }

    [Fact]
    public void Try_that_moves_nothing_is_no_progress()
    {
        for (int sent = 0; Connection.QueuedBytes == 0; sent++)
            _parts.Send([sent]);
        Assert.Equal(Now, Connection.StillSinceMs);
        Connection.OnWritable(0, Now + 5_000); // the far end has read nothing
        Assert.Equal(Now, Connection.StillSinceMs);
        Assert.True(Connection.IsStalled(Now + 10_000, 10_000));
        Pair.ReadMessages();
        Connection.OnWritable(0, Now + 10_000);
        Assert.Equal(Now + 10_000, Connection.StillSinceMs);
    }

    [Fact]
    public void Idle_connection_stands_still_only_from_when_something_waits()
    {
        _parts.Send([1]);
        Pair.ReadMessages();
        for (int sent = 0; Connection.QueuedBytes == 0; sent++)
            _parts.Send(Frame(sent, 500), Now + 1_000_000);
        Assert.False(Connection.IsStalled(Now + 1_009_999, 10_000));
    }

    /// <summary>The far end reads on until nothing is queued, and the lane that owns the connection does its part.</summary>
    private void Resume(List<int> ids)
    {
        while (Connection.QueuedBytes > 0)
        {
            ids.AddRange(Ids(Pair.ReadMessages()));
            Assert.True(IsWritable());
            Connection.OnWritable(0, Now);
        }

        ids.AddRange(Ids(Pair.ReadMessages()));
    }

    /// <summary>
    /// Whether its owner's epoll says that the socket takes bytes again, which it does only if it was asked to.
    /// </summary>
    private bool IsWritable(int timeoutMs = 0) =>
        Sys.EpollWait(_parts.Epoll, _parts.Events, timeoutMs) == 1
        && _parts.Events.Data(0) == 7
        && (_parts.Events.Events(0) & EPOLLOUT) != 0;
}
