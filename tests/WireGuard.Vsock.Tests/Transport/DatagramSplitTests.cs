using CsCheck;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class DatagramSplitTests
{
    [Theory]
    [InlineData(4356, 1452, "1452 1452 1452")]
    [InlineData(3000, 1452, "1452 1452 96")]
    [InlineData(1453, 1452, "1452 1")]
    [InlineData(1452, 1452, "1452")]
    [InlineData(3, 1, "1 1 1")]
    public void Message_is_cut_at_every_segment_and_the_last_may_be_shorter(int length, int segmentSize, string lengths) =>
        Assert.Equal(lengths, string.Join(' ', Split(0, length, segmentSize).Select(piece => piece.Length)));

    [Theory]
    [InlineData(1452, 0)]
    [InlineData(1452, -1)]
    [InlineData(1452, int.MinValue)]
    [InlineData(1452, 1453)]
    [InlineData(1452, 65_536)]
    [InlineData(65_536, int.MaxValue)]
    [InlineData(0, 0)]
    [InlineData(0, 1452)]
    [InlineData(0, -5)]
    public void Segment_size_that_fits_no_joined_message_leaves_it_whole(int length, int segmentSize) =>
        Assert.Equal([(131_072, length)], Split(131_072, length, segmentSize));

    [Fact]
    public void Pieces_lie_side_by_side_and_are_the_whole_message() => Gen
        .Select(Gen.Int[0, 1 << 21], Gen.Int[0, 65_536], Gen.OneOf(Gen.Int, Gen.Int[-2, 70_000], Gen.Int[1, 2000]))
        .Sample((start, length, segmentSize) =>
        {
            int next = start;
            foreach ((int offset, int size) in Split(start, length, segmentSize))
            {
                Assert.Equal(next, offset);
                Assert.InRange(size, length == 0 ? 0 : 1, segmentSize > 0 ? Math.Min(segmentSize, length) : length);
                next += size;
            }

            Assert.Equal(start + length, next);
        });

    [Fact]
    public void Nothing_was_received_has_no_datagrams() => Assert.False(default(DatagramSplit).MoveNext());

    private static List<(int Offset, int Length)> Split(int start, int length, int segmentSize)
    {
        List<(int, int)> pieces = [];
        var split = new DatagramSplit(start, length, segmentSize);
        while (split.MoveNext())
            pieces.Add((split.Offset, split.Length));
        return pieces;
    }
}
