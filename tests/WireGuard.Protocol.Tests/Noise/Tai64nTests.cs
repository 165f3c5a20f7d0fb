using System.Globalization;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

public sealed class Tai64nTests
{
    [Theory]
    // https://cr.yp.to/libtai/tai64.html: 1970-01-01 00:00:00 TAI is 4000000000000000; Unix time counts from ten seconds after.
    [InlineData(0L, 0u, "400000000000000A00000000")]
    [InlineData(-10L, 0u, "400000000000000000000000")]
    [InlineData(-11L, 0u, "3FFFFFFFFFFFFFFF00000000")]
    [InlineData(1_700_000_000L, 0u, "400000006553F10A00000000")]
    [InlineData(1_700_000_000L, 0x2000000u, "400000006553F10A02000000")]
    public void Unix_time_is_encoded(long seconds, uint nanoseconds, string hex) =>
        Assert.Equal(hex, Hex(Tai64n.FromUnixTime(seconds, nanoseconds)));

    [Theory]
    [InlineData(0u, 0u)]
    [InlineData(0xFFFFFFu, 0u)]
    [InlineData(0x1000000u, 0x1000000u)]
    [InlineData(0x1FFFFFFu, 0x1000000u)]
    [InlineData(999_999_999u, 0x3B000000u)]
    public void Time_finer_than_the_grain_is_not_told(uint nanoseconds, uint told) =>
        Assert.Equal($"400000000000000A{told:X8}", Hex(Tai64n.FromUnixTime(0, nanoseconds)));

    [Fact]
    public void Nanoseconds_of_a_second_or_more_are_a_mistake_of_the_caller() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Tai64n.FromUnixTime(0, 1_000_000_000));

    [Theory]
    [InlineData("400000000000000A00000001", "400000000000000A00000000")]
    [InlineData("400000000000000B00000000", "400000000000000AFFFFFFFF")]
    [InlineData("FFFFFFFFFFFFFFFF00000000", "400000000000000A00000000")]
    [InlineData("000000000000000000000001", "000000000000000000000000")]
    [InlineData("400000000000000A80000000", "400000000000000A7FFFFFFF")]
    public void Later_bytes_are_after(string later, string earlier)
    {
        var a = new Tai64n(Convert.FromHexString(later));
        var b = new Tai64n(Convert.FromHexString(earlier));
        Assert.True(a.IsAfter(b));
        Assert.False(b.IsAfter(a));
        Assert.False(a.IsAfter(a));
        Assert.NotEqual(a, b);
    }

    [Fact]
    public void Order_is_that_of_the_bytes()
    {
        var random = new Random(1);
        byte[] a = new byte[12], b = new byte[12];
        for (int i = 0; i < 10_000; i++)
        {
            random.NextBytes(a);
            random.NextBytes(b);
            a.AsSpan(0, random.Next(12)).CopyTo(b);
            Assert.Equal(a.AsSpan().SequenceCompareTo(b) > 0, new Tai64n(a).IsAfter(new Tai64n(b)));
        }
    }

    [Fact]
    public void Bytes_survive_reading_and_writing()
    {
        byte[] bytes = Convert.FromHexString("0102030405060708FFFEFDFC");
        Assert.Equal(Convert.ToHexString(bytes), Hex(new Tai64n(bytes)));
    }

    [Fact]
    public void Stamps_follow_the_clock()
    {
        var source = new TimestampSource();
        Assert.Equal(Tai64n.FromUnixTime(1_000, 0), source.Next(At(1_000, 5)));
        Assert.Equal(Tai64n.FromUnixTime(1_001, 500_000_000), source.Next(At(1_001, 500_000_000)));
    }

    [Fact]
    public void Two_stamps_in_one_grain_differ_by_a_nanosecond()
    {
        var source = new TimestampSource();
        source.Next(At(0, 1));
        Assert.Equal("400000000000000A00000001", Hex(source.Next(At(0, 2))));
        Assert.Equal("400000000000000A00000002", Hex(source.Next(At(0, 2))));
    }

    [Fact]
    public void Stamps_never_go_backwards_when_the_clock_does()
    {
        var random = new Random(1);
        var source = new TimestampSource();
        Tai64n last = source.Next(At(2_000_000_000, 0));
        for (int i = 0; i < 10_000; i++)
        {
            Tai64n next = source.Next(At(random.NextInt64(-100, 2_000_000_100), random.Next(1_000_000_000)));
            Assert.True(next.IsAfter(last));
            last = next;
        }
    }

    [Fact]
    public void Nanoseconds_carry_into_seconds()
    {
        var last = new Tai64n(Convert.FromHexString("400000000000000A3B9AC9FF")); // 999,999,999
        Assert.Equal("400000000000000B00000000", Hex(last.Next()));
    }

    [Theory]
    [InlineData("1970-01-01T00:00:00Z", "400000000000000A00000000")]
    [InlineData("1969-12-31T23:59:59.75Z", "40000000000000092C000000")]
    [InlineData("2023-11-14T22:13:20.5Z", "400000006553F10A1D000000")]
    [InlineData("2023-11-15T00:13:20.5+02:00", "400000006553F10A1D000000")]
    public void Real_time_is_told_with_its_fraction_in_any_zone(string time, string expected) =>
        Assert.Equal(expected, Hex(Tai64n.FromRealTime(DateTimeOffset.Parse(time, CultureInfo.InvariantCulture))));

    private static DateTimeOffset At(long seconds, int nanoseconds) =>
        DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanoseconds / TimeSpan.NanosecondsPerTick);

    private static string Hex(Tai64n stamp)
    {
        byte[] bytes = new byte[Tai64n.Size];
        stamp.CopyTo(bytes);
        return Convert.ToHexString(bytes);
    }

    [Theory]
    [InlineData(100, 500_000_000, 40, 0, 60.5)]
    [InlineData(40, 0, 100, 500_000_000, -60.5)]
    [InlineData(0, 0, 0, 0, 0)]
    public void Seconds_between_two_are_told(long seconds, uint nanoseconds, long before, uint nanosecondsBefore, double expected)
    {
        var earlier = Tai64n.FromUnixTime(before, nanosecondsBefore);
        Assert.Equal(expected, Tai64n.FromUnixTime(seconds, nanoseconds).SecondsSince(earlier), 0.02);
    }

    [Fact]
    public void Seconds_between_the_farthest_two_are_told_too()
    {
        var last = new Tai64n(Convert.FromHexString("ffffffffffffffffffffffff"));
        Assert.Equal(18446744073709551615.0, last.SecondsSince(default), 1e5);
        Assert.Equal(-18446744073709551615.0, default(Tai64n).SecondsSince(last), 1e5);
    }
}
