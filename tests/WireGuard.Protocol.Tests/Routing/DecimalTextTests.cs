using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Tests.Routing;

public sealed class DecimalTextTests
{
    [Theory]
    [InlineData("0", 0u, 0u)]
    [InlineData("7", 7u, 7u)]
    [InlineData("10", 65535u, 10u)]
    [InlineData("65535", 65535u, 65535u)]
    [InlineData("4294967295", uint.MaxValue, uint.MaxValue)]
    public void Digits_up_to_the_limit_are_a_number(string text, uint max, uint expected)
    {
        Assert.True(DecimalText.TryParse(text, max, out uint number));
        Assert.Equal(expected, number);
    }

    [Theory]
    [InlineData("", 9u)]
    [InlineData("1", 0u)]
    [InlineData("65536", 65535u)]
    [InlineData("4294967296", uint.MaxValue)]
    [InlineData("18446744073709551616", uint.MaxValue)]
    [InlineData("18446744073709551617", uint.MaxValue)]
    [InlineData("99999999999999999999999999999999", uint.MaxValue)]
    [InlineData("00", 9u)]
    [InlineData("01", 9u)]
    [InlineData("+1", 9u)]
    [InlineData("-1", 9u)]
    [InlineData("-0", 9u)]
    [InlineData(" 1", 9u)]
    [InlineData("1 ", 9u)]
    [InlineData("1\0", 9u)]
    [InlineData("1\r", 9u)]
    [InlineData("1_0", 99u)]
    [InlineData("1,000", 9999u)]
    [InlineData("0x1", 9u)]
    [InlineData("1e1", 99u)]
    [InlineData("1.0", 9u)]
    [InlineData("\u0661", 9u)] // ARABIC-INDIC DIGIT ONE
    public void Anything_else_is_none(string text, uint max) => Assert.False(DecimalText.TryParse(text, max, out _));
}
