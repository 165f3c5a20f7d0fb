using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class SendQueueTests
{
    private SendQueue _queue = new();

    [Theory]
    [InlineData(1, 100, 0)]
    [InlineData(2, 1_500, 0)]
    [InlineData(3, 65_536, 0)]
    [InlineData(4, 20_000, 0)]
    [InlineData(5, 20_000, 1)]
    [InlineData(6, 20_000, 4_096)]
    public void Queue_agrees_with_a_naive_list_whatever_the_pool_gives(int seed, int longestFrame, int more)
    {
        if (more != 0)
            _queue = new SendQueue(new GenerousPool(more));
        var random = new Random(seed);
        List<byte> oracle = [];
        for (int i = 0; i < 5_000; i++)
        {
            int choice = random.Next(10);
            if (choice < 4)
            {
                Append(random, longestFrame, oracle);
            }
            else if (choice < 5)
            {
                // The rest of a batch, so at a time when nobody is sending from the queue.
                byte[] rest = RandomBytes(random, random.Next(longestFrame));
                _queue.Prepend(rest);
                oracle.InsertRange(0, rest);
            }
            else if (oracle.Count > 0)
            {
                ReadOnlySpan<byte> peeked = _queue.Peek();
                Assert.False(peeked.IsEmpty);
                byte[] before = peeked.ToArray();
                Assert.True(peeked.SequenceEqual(CollectionsMarshal.AsSpan(oracle)[..before.Length]));
                for (int appended = random.Next(4); appended > 0; appended--)
                    Append(random, longestFrame, oracle); // as another lane does while the system call runs
                Assert.True(peeked.SequenceEqual(before), "what is being sent has changed");
                int sent = random.Next(3) == 0 ? peeked.Length : random.Next(peeked.Length + 1);
                _queue.Skip(sent);
                oracle.RemoveRange(0, sent);
            }

            Assert.Equal(oracle.Count, _queue.Count);
            if (oracle.Count == 0)
                Assert.Empty(Ring(_queue));
        }

        Assert.True(ReadAll().SequenceEqual(oracle));
    }

    [Fact]
    public void Ring_that_grows_while_it_is_sent_goes_back_to_the_pool()
    {
        byte[] frame = new byte[60_000];
        Assert.Equal(0, Allocations.Of(() => GrowWhileSent(frame)));
    }

    [Fact]
    public void No_more_than_256_KiB_are_appended()
    {
        Assert.Equal(256 * 1024, SendQueue.Limit);
        byte[] frame = new byte[64 * 1024];
        for (int i = 0; i < 4; i++)
            Assert.True(_queue.TryAppend(frame));
        Assert.False(_queue.TryAppend([1]));
        Assert.Equal(SendQueue.Limit, _queue.Count);
        _queue.Skip(1);
        Assert.True(_queue.TryAppend([1]));
        Assert.False(_queue.TryAppend([1]));
    }

    [Fact]
    public void More_is_appended_where_more_may_wait()
    {
        byte[] frame = new byte[64 * 1024];
        for (int i = 0; i < 16; i++)
            Assert.True(_queue.TryAppend(frame, 1024 * 1024));
        Assert.False(_queue.TryAppend([1], 1024 * 1024));
        Assert.Equal(1024 * 1024, _queue.Count);
        Assert.Equal(1024 * 1024, ReadAll().Count);
    }

    [Fact]
    public void Rest_of_a_batch_is_always_taken()
    {
        byte[] frames = new byte[SendQueue.Limit], rest = new byte[250_000];
        Random.Shared.NextBytes(frames);
        Random.Shared.NextBytes(rest);
        Assert.True(_queue.TryAppend(frames));
        _queue.Prepend(rest);
        Assert.False(_queue.TryAppend([1]));
        Assert.True(ReadAll().SequenceEqual([.. rest, .. frames]));
    }

    [Fact]
    public void Empty_queue_holds_no_memory()
    {
        Assert.Empty(Ring(_queue));
        _queue.TryAppend(new byte[100]);
        Assert.Equal(64 * 1024, Ring(_queue).Length);
        _queue.Skip(100);
        Assert.Empty(Ring(_queue));
        _queue.TryAppend(new byte[100_000]);
        Assert.Equal(128 * 1024, Ring(_queue).Length);
        _queue.Clear();
        Assert.Empty(Ring(_queue));
        Assert.Equal(0, _queue.Count);
    }

    [Fact]
    public void Queue_that_fills_and_empties_allocates_nothing()
    {
        byte[] frame = new byte[1_500];
        void Turn()
        {
            for (int i = 0; i < 100; i++)
                _queue.TryAppend(frame);
            while (_queue.Count > 0)
                _queue.Skip(_queue.Peek().Length);
        }

        Turn();
        Assert.Equal(0, Allocations.Of(Turn));
    }

    private void Append(Random random, int longestFrame, List<byte> oracle)
    {
        byte[] frame = RandomBytes(random, random.Next(1, longestFrame));
        bool fits = oracle.Count + frame.Length <= SendQueue.Limit;
        Assert.Equal(fits, _queue.TryAppend(frame));
        if (fits)
            oracle.AddRange(frame);
    }

    private void GrowWhileSent(byte[] frame)
    {
        _queue.TryAppend(frame);
        int sent = _queue.Peek().Length;
        _queue.TryAppend(frame);
        _queue.TryAppend(frame);
        _queue.Skip(sent);
        _queue.Skip(_queue.Peek().Length);
    }

    private List<byte> ReadAll()
    {
        List<byte> all = [];
        while (_queue.Count > 0)
        {
            ReadOnlySpan<byte> next = _queue.Peek();
            all.AddRange(next);
            _queue.Skip(next.Length);
        }

        return all;
    }

    private static byte[] RandomBytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Gives arrays longer than asked for: that is all a pool promises.</summary>
    private sealed class GenerousPool(int more) : ArrayPool<byte>
    {
        public override byte[] Rent(int minimumLength) => new byte[minimumLength + more];

        public override void Return(byte[] array, bool clearArray = false)
        {
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_ring")]
    private static extern ref byte[] Ring(SendQueue queue);
}
