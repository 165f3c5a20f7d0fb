using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed class StagedPacketsTests
{
    private readonly StagedPackets _staged = new();

    private const int Lane = 3, OtherLane = 0;

    [Fact]
    public void Packets_are_copied_and_come_out_in_order()
    {
        byte[] packet = [1, 2, 3];
        Assert.True(_staged.IsEmpty);
        Assert.Equal(0, _staged.Add(Lane, packet));
        packet[0] = 9;
        Assert.Equal(0, _staged.Add(Lane, packet));
        Assert.False(_staged.IsEmpty);
        Assert.Equal([[1, 2, 3], [9, 2, 3]], _staged.TakeAll(Lane));
        Assert.True(_staged.IsEmpty);
        Assert.Empty(_staged.TakeAll(Lane));
    }

    [Fact]
    public void Each_lane_takes_its_own()
    {
        _staged.Add(Lane, [1]);
        _staged.Add(OtherLane, [2]);
        _staged.Add(Lane, [3]);
        Assert.False(_staged.IsEmptyOf(Lane));
        Assert.False(_staged.IsEmptyOf(OtherLane));
        Assert.True(_staged.IsEmptyOf(1));
        Assert.Equal([[1], [3]], _staged.TakeAll(Lane));
        Assert.True(_staged.IsEmptyOf(Lane));
        Assert.False(_staged.IsEmpty);
        Assert.Equal([[2]], _staged.TakeAll(OtherLane));
        Assert.True(_staged.IsEmpty);
    }

    [Fact]
    public void Lane_is_asked_once_for_what_it_has_staged()
    {
        Assert.False(_staged.TryAsk(out uint lanes));
        Assert.Equal(0u, lanes);
        _staged.Add(Lane, [1]);
        Assert.True(_staged.TryAsk(out lanes));
        Assert.Equal(1u << Lane, lanes);
        _staged.Add(Lane, [2]);
        _staged.Add(OtherLane, [3]);
        Assert.True(_staged.TryAsk(out lanes));
        Assert.Equal(1u << OtherLane, lanes);
        Assert.True(_staged.TryAsk(out lanes)); // they have not done it yet
        Assert.Equal(0u, lanes);
        _staged.TakeAll(Lane);
        _staged.Add(Lane, [4]);
        Assert.True(_staged.TryAsk(out lanes));
        Assert.Equal(1u << Lane, lanes);
        _staged.Clear();
        Assert.False(_staged.TryAsk(out _));
        _staged.Add(Lane, [5]);
        Assert.True(_staged.TryAsk(out lanes));
        Assert.Equal(1u << Lane, lanes);
    }

    [Fact]
    public void The_newest_128_are_kept()
    {
        for (int i = 0; i < 128; i++)
            Assert.Equal(0, _staged.Add(Lane, [(byte)i]));
        Assert.Equal(1, _staged.Add(Lane, [128]));
        Assert.Equal(1, _staged.Add(Lane, [129]));
        Assert.Equal(Enumerable.Range(2, 128), _staged.TakeAll(Lane).Select(packet => (int)packet[0]));
    }

    [Fact]
    public void Lane_whose_packets_were_all_dropped_has_nothing_staged()
    {
        _staged.Add(Lane, [1]);
        Assert.True(_staged.TryAsk(out _));
        for (int i = 0; i < 127; i++)
            _staged.Add(OtherLane, [2]);
        Assert.False(_staged.IsEmptyOf(Lane));
        Assert.Equal(1, _staged.Add(OtherLane, [2]));
        Assert.True(_staged.IsEmptyOf(Lane));
        _staged.Add(Lane, [3]);
        Assert.True(_staged.TryAsk(out uint lanes));
        Assert.Equal((1u << Lane) | (1u << OtherLane), lanes);
    }

    [Fact]
    public void No_more_than_256_KiB_are_kept()
    {
        for (int i = 0; i < 4; i++)
            Assert.Equal(0, _staged.Add(Lane, new byte[64 * 1024]));
        Assert.Equal(1, _staged.Add(Lane, [1]));
        Assert.Equal(0, _staged.Add(Lane, new byte[(64 * 1024) - 1]));
        Assert.Equal(1, _staged.Add(OtherLane, [2]));
        Assert.Equal(0, _staged.Add(Lane, new byte[65_535]));
        Assert.Equal(1, _staged.Add(OtherLane, [3]));
    }

    [Fact]
    public void Taking_and_clearing_make_room()
    {
        for (int i = 0; i < 4; i++)
            _staged.Add(i, new byte[64 * 1024]);
        _staged.TakeAll(2);
        Assert.Equal(0, _staged.Add(Lane, new byte[64 * 1024]));
        Assert.Equal(4, _staged.Clear());
        Assert.True(_staged.IsEmpty);
        Assert.Equal(0, _staged.Clear());
        for (int i = 0; i < 4; i++)
            Assert.Equal(0, _staged.Add(Lane, new byte[64 * 1024]));
    }

    [Fact]
    public void Random_packets_agree_with_a_naive_list()
    {
        var random = new Random(1);
        List<(int Lane, byte[] Bytes)> oracle = [];
        for (int i = 0; i < 20_000; i++)
        {
            int lane = random.Next(3);
            if (random.Next(100) == 0)
            {
                Assert.Equal(oracle.Where(packet => packet.Lane == lane).Select(packet => packet.Bytes), _staged.TakeAll(lane));
                oracle.RemoveAll(packet => packet.Lane == lane);
                continue;
            }

            byte[] packet = new byte[random.Next(2) == 0 ? random.Next(100) : random.Next(65_536)];
            random.NextBytes(packet.AsSpan(0, Math.Min(packet.Length, 8)));
            oracle.Add((lane, packet));
            int dropped = 0;
            for (; oracle.Count > 128 || oracle.Sum(kept => kept.Bytes.Length) > 256 * 1024; dropped++)
                oracle.RemoveAt(0);
            Assert.Equal(dropped, _staged.Add(lane, packet));
            Assert.Equal(!oracle.Any(kept => kept.Lane == lane), _staged.IsEmptyOf(lane));
        }
    }
}
