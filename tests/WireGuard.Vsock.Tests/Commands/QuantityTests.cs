using System.Globalization;
using System.Text.RegularExpressions;
using CsCheck;
using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock.Tests.Commands;

/// <summary>Times and sizes in wg's words: a table, and naive oracles.</summary>
public sealed partial class QuantityTests
{
    private static TextStyle Plain => default;

    private static readonly (string Unit, ulong Seconds)[] Units =
        [("year", 31_536_000), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];

    [Theory]
    [InlineData(0, "")]
    [InlineData(1, "1 second")]
    [InlineData(59, "59 seconds")]
    [InlineData(60, "1 minute")]
    [InlineData(63, "1 minute, 3 seconds")]
    [InlineData(3600, "1 hour")]
    [InlineData(3661, "1 hour, 1 minute, 1 second")]
    [InlineData(86400, "1 day")]
    [InlineData(31536000, "1 year")]
    [InlineData(31535999, "364 days, 23 hours, 59 minutes, 59 seconds")]
    [InlineData(63072060, "2 years, 1 minute")]
    public void Times_are_in_the_words_of_wg(ulong seconds, string text) => Assert.Equal(text, Quantity.Time(seconds, Plain));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1.00 KiB")]
    [InlineData(1152, "1.12 KiB")] // 1.125: to the even digit, as printf does
    [InlineData(1536, "1.50 KiB")]
    [InlineData(1048575, "1024.00 KiB")]
    [InlineData(1048576, "1.00 MiB")]
    [InlineData(1073741824, "1.00 GiB")]
    [InlineData(1099511627776, "1.00 TiB")]
    [InlineData(ulong.MaxValue, "16777216.00 TiB")]
    public void Sizes_are_in_the_units_of_wg(ulong bytes, string text) => Assert.Equal(text, Quantity.Bytes(bytes, Plain));

    [Fact]
    public void An_age_is_now_or_ago_or_a_clock_set_back()
    {
        Assert.Equal("Now", Quantity.Ago(1000, 1000, Plain));
        Assert.Equal("1 minute, 3 seconds ago", Quantity.Ago(937, 1000, Plain));
        Assert.Equal("(System clock wound backward; connection problems may ensue.)", Quantity.Ago(1001, 1000, Plain));
    }

    [Fact]
    public void Units_alone_are_coloured()
    {
        TextStyle coloured = new(isColoured: true);
        Assert.Equal("2 \e[36mminutes\e[0m, 1 \e[36msecond\e[0m", Quantity.Time(121, coloured));
        Assert.Equal("1.00 \e[36mKiB\e[0m", Quantity.Bytes(1024, coloured));
        Assert.Equal("7 \e[36mB\e[0m", Quantity.Bytes(7, coloured));
    }

    [Fact]
    public void Every_time_says_its_seconds_once() => Gen.ULong[1, 1UL << 40].Sample(seconds =>
    {
        string text = Quantity.Time(seconds, Plain);
        ulong sum = 0;
        int last = -1;
        foreach (Match part in Part().Matches(text))
        {
            int unit = Array.FindIndex(Units, known => known.Unit == part.Groups[2].Value);
            ulong count = ulong.Parse(part.Groups[1].Value, CultureInfo.InvariantCulture);
            Assert.True(unit > last, text);
            Assert.Equal(count != 1, part.Groups[3].Success);
            Assert.True(unit == 0 || count < Units[unit - 1].Seconds / Units[unit].Seconds, text);
            sum += count * Units[unit].Seconds;
            last = unit;
        }

        Assert.Equal(seconds, sum);
        Assert.Equal(string.Join(", ", Part().Matches(text)), text);
    });

    [Fact]
    public void Every_size_is_the_exact_quotient_rounded_to_even() => Gen.ULong[1024, 1UL << 52].Sample(bytes =>
    {
        string[] units = ["KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        UInt128 divisor = 1024;
        while (unit < 3 && bytes >= divisor * 1024)
        {
            divisor *= 1024;
            unit++;
        }

        UInt128 hundredths = (UInt128)bytes * 100 / divisor, rest = (UInt128)bytes * 100 % divisor;
        if (rest * 2 > divisor || (rest * 2 == divisor && UInt128.IsOddInteger(hundredths)))
            hundredths++;
        Assert.Equal($"{hundredths / 100}.{hundredths % 100:00} {units[unit]}", Quantity.Bytes(bytes, Plain));
    });

    [GeneratedRegex("(\\d+) (year|day|hour|minute|second)(s)?")]
    private static partial Regex Part();
}
