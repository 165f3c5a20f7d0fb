using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

public sealed class InternetChecksumTests
{
    [Fact]
    public void Example_of_RFC_1071_section_3() =>
        Assert.Equal(0xDDF2, InternetChecksum.Sum([0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]));

    [Fact]
    public void Sum_of_an_intact_IPv4_header_is_all_ones() => Assert.Equal(
        0xFFFF, InternetChecksum.Sum(Convert.FromHexString("45000073000040004011B861C0A80001C0A800C7")));

    [Fact]
    public void Sum_of_nothing_is_what_was_there() => Assert.Equal(0xBEEF, InternetChecksum.Sum([], 0xBEEF));

    [Fact]
    public void Odd_last_byte_is_followed_by_a_zero() => Assert.Equal(0x0300 + 0x0102, InternetChecksum.Sum([1, 2, 3]));

    [Fact]
    public void Every_length_and_alignment_agrees_with_the_naive_sum()
    {
        byte[] memory = new byte[400];
        new Random(1071).NextBytes(memory); // what lies around is not zero, and would show
        for (int length = 0; length <= 300; length++)
        {
            for (int start = 0; start < 33; start++)
                AssertAgrees(memory.AsSpan(start, length));
        }
    }

    [Fact]
    public void Large_ones_agree_with_the_naive_sum()
    {
        var random = new Random(1624);
        for (int i = 0; i < 300; i++)
        {
            byte[] bytes = new byte[random.Next(300, 70_000)];
            random.NextBytes(bytes);
            AssertAgrees(bytes);
        }
    }

    [Theory]
    [InlineData(0xFF)] // every addition carries
    [InlineData(0x80)]
    [InlineData(0x00)] // the only bytes whose sum is 0
    public void One_byte_repeated_agrees_with_the_naive_sum(byte value)
    {
        foreach (int length in (int[])[1, 2, 3, 8, 15, 16, 17, 31, 32, 48, 64, 100, 1380, 65_535, 1_000_000])
            AssertAgrees(Enumerable.Repeat(value, length).ToArray());
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0xFFFF, 0, 0xFFFF)]
    [InlineData(0xFFFF, 1, 1)]
    [InlineData(0xFFFF, 0xFFFF, 0xFFFF)]
    [InlineData(0x8000, 0x8001, 2)]
    public void Carry_comes_round(ushort a, ushort b, ushort sum) => Assert.Equal(sum, InternetChecksum.Add(a, b));

    [Theory]
    [InlineData(0xFFFF_FFFF_FFFF_FFFF, 0xFFFF)]
    [InlineData(0xFFFF_FFFF_0000_0001, 0x0001)]
    [InlineData(0x0001_0000_0000_0000, 0x0001)]
    [InlineData(0x0000_FFFF_0001_FFFF, 0x0001)]
    [InlineData(0x0000_0000_FFFF_0001, 0x0001)]
    public void Fold_loses_no_carry(ulong sum, ushort folded) => Assert.Equal(folded, InternetChecksum.Fold(sum));

    [Fact]
    public void Copy_goes_no_further_than_the_source()
    {
        byte[] source = [.. Enumerable.Range(1, 100).Select(i => (byte)i)];
        for (int length = 0; length <= source.Length; length++)
        {
            byte[] destination = [.. Enumerable.Repeat((byte)0xEE, 140)];
            InternetChecksum.CopyAndSum(source.AsSpan(0, length), destination.AsSpan(3));
            Assert.Equal([0xEE, 0xEE, 0xEE, .. source[..length], .. Enumerable.Repeat((byte)0xEE, 137 - length)], destination);
        }
    }

    [Fact]
    public void Copy_into_too_little_room_is_refused()
    {
        byte[] destination = new byte[99];
        Assert.Throws<ArgumentOutOfRangeException>(() => InternetChecksum.CopyAndSum(new byte[100], destination));
    }

    private static void AssertAgrees(ReadOnlySpan<byte> bytes)
    {
        const ushort Before = 0xA5F1;
        byte[] all = bytes.ToArray();
        ushort sum = NaiveChecksum.Sum(all);
        ushort added = NaiveChecksum.Sum([Before >> 8, Before & 0xFF, .. all]);
        byte[] copy = new byte[all.Length];
        Assert.Equal(sum, InternetChecksum.Sum(bytes));
        Assert.Equal(added, InternetChecksum.Sum(bytes, Before));
        Assert.Equal(added, InternetChecksum.CopyAndSum(bytes, copy, Before));
        Assert.True(bytes.SequenceEqual(copy));
    }
}
