using System.Globalization;
using CsCheck;
using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class Rfc3339Tests
{
    [Theory]
    [InlineData("2022-10-13T08:58:02Z", 1665651482000)]
    [InlineData("2022-10-13T08:58:02.136Z", 1665651482136)]
    [InlineData("2022-10-13t10:58:02.1369999+02:00", 1665651482136)]
    [InlineData("2022-10-13 03:28:02-05:30", 1665651482000)]
    [InlineData("2024-02-29T23:59:59z", 1709251199000)]
    public void Times_are_read(string text, long milliseconds)
    {
        Assert.True(Rfc3339.TryParse(text, out DateTimeOffset time));
        Assert.Equal(milliseconds, time.ToUnixTimeMilliseconds());
    }

    [Theory]
    [InlineData("")]
    [InlineData("now")]
    [InlineData("2022-10-13")]
    [InlineData("2022-10-13T08:58:02")]
    [InlineData("2022-10-13T08:58:02.Z")]
    [InlineData("2022-10-13T08:58:02.12345678Z")]
    [InlineData("2022-10-13T08:58:02+2:00")]
    [InlineData("2022-10-13T08:58:02+24:00")]
    [InlineData("2022-10-13T08:58:02+00:60")]
    [InlineData("2022-10-13T08:58:02Z ")]
    [InlineData("2023-02-29T00:00:00Z")]
    [InlineData("2022-13-01T00:00:00Z")]
    [InlineData("2022-00-01T00:00:00Z")]
    [InlineData("2022-10-00T00:00:00Z")]
    [InlineData("2022-10-13T24:00:00Z")]
    [InlineData("2022-10-13T00:60:00Z")]
    [InlineData("2016-12-31T23:59:60Z")]
    [InlineData("1665651482")]
    [InlineData("9999-12-31T23:59:59-01:00")]
    public void Other_texts_are_none(string text) => Assert.False(Rfc3339.TryParse(text, out _));

    [Fact]
    public void What_is_written_is_read() => Gen.Long[0, 250_000_000_000].Sample(seconds =>
    {
        DateTimeOffset time = DateTimeOffset.FromUnixTimeSeconds(seconds);
        return Rfc3339.Format(time) == time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            && Rfc3339.TryParse(Rfc3339.Format(time), out DateTimeOffset read) && read == time;
    });

    [Fact]
    public void Noise_never_throws() => Gen.String[Gen.Char["0123456789-:.TZz+ "], 0, 30].Sample(
        text => Rfc3339.TryParse(text, out DateTimeOffset time) || time == default);
}
