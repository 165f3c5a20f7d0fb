using WireGuard.Daemon.Control;

namespace WireGuard.Daemon.Tests.Control;

public sealed class StagedPacketsTests
{
    private readonly StagedPackets _staged = new();

    [Fact]
    public void Packets_are_copied_and_come_out_in_order()
    {
        byte[] packet = [1, 2, 3];
        Assert.True(_staged.IsEmpty);
        Assert.Equal(0, _staged.Add(packet));
        packet[0] = 9;
        Assert.Equal(0, _staged.Add(packet));
        Assert.False(_staged.IsEmpty);
        Assert.Equal([1, 2, 3], Take());
        Assert.False(_staged.IsEmpty);
        Assert.Equal([9, 2, 3], Take());
        Assert.True(_staged.IsEmpty);
        Assert.Null(Take());
    }

    [Fact]
    public void The_newest_128_are_kept()
    {
        for (int i = 0; i < 128; i++)
            Assert.Equal(0, _staged.Add([(byte)i]));
        Assert.Equal(1, _staged.Add([128]));
        Assert.Equal(1, _staged.Add([129]));
        for (int i = 2; i < 130; i++)
            Assert.Equal([(byte)i], Take()!);
        Assert.Null(Take());
    }

    [Fact]
    public void No_more_than_256_KiB_are_kept()
    {
        for (int i = 0; i < 4; i++)
            Assert.Equal(0, _staged.Add(new byte[64 * 1024]));
        Assert.Equal(1, _staged.Add([1]));
        Assert.Equal(0, _staged.Add(new byte[(64 * 1024) - 1]));
        Assert.Equal(1, _staged.Add([2]));
        Assert.Equal(0, _staged.Add(new byte[65_535]));
        Assert.Equal(1, _staged.Add([3]));
    }

    [Fact]
    public void Taking_and_clearing_make_room()
    {
        for (int i = 0; i < 4; i++)
            _staged.Add(new byte[64 * 1024]);
        Take();
        Assert.Equal(0, _staged.Add(new byte[64 * 1024]));
        Assert.Equal(4, _staged.Clear());
        Assert.True(_staged.IsEmpty);
        Assert.Equal(0, _staged.Clear());
        for (int i = 0; i < 4; i++)
            Assert.Equal(0, _staged.Add(new byte[64 * 1024]));
    }

    [Fact]
    public void All_are_taken_at_once_and_in_order()
    {
        for (int i = 0; i < 4; i++)
            _staged.Add([(byte)i, .. new byte[(64 * 1024) - 1]]);
        Assert.Equal([0, 1, 2, 3], _staged.TakeAll().Select(packet => packet[0]));
        Assert.True(_staged.IsEmpty);
        Assert.Empty(_staged.TakeAll());
        for (int i = 0; i < 4; i++)
            Assert.Equal(0, _staged.Add(new byte[64 * 1024]));
    }

    [Fact]
    public void Random_packets_agree_with_a_naive_list()
    {
        var random = new Random(1);
        List<byte[]> oracle = [];
        for (int i = 0; i < 20_000; i++)
        {
            if (random.Next(5) == 0)
            {
                Assert.Equal(oracle.FirstOrDefault(), Take());
                oracle = [.. oracle.Skip(1)];
                continue;
            }

            byte[] packet = new byte[random.Next(2) == 0 ? random.Next(100) : random.Next(65_536)];
            random.NextBytes(packet.AsSpan(0, Math.Min(packet.Length, 8)));
            oracle.Add(packet);
            int dropped = 0;
            for (; oracle.Count > 128 || oracle.Sum(kept => kept.Length) > 256 * 1024; dropped++)
                oracle.RemoveAt(0);
            Assert.Equal(dropped, _staged.Add(packet));
        }
    }

    private byte[]? Take() => _staged.TryTake(out byte[]? packet) ? packet : null;
}
