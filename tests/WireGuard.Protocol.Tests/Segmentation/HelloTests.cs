using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

public sealed class HelloTests
{
    private static readonly Hello All = new(
        65_480, HelloFeatures.Tcp | HelloFeatures.Udp | HelloFeatures.Joins | HelloFeatures.ShortChecksums);

    [Fact]
    public void Bytes_are_those_of_the_protocol()
    {
        byte[] payload = new byte[Hello.Size];
        All.Write(payload);
        Assert.Equal("0101C8FF0F000000", Convert.ToHexString(payload));
    }

    [Fact]
    public void What_was_written_is_read_with_padding_behind_it()
    {
        byte[] payload = [.. Enumerable.Repeat((byte)0xEE, 16)];
        All.Write(payload);
        Assert.True(Hello.TryRead(payload, out Hello read));
        Assert.Equal(All, read);
    }

    [Fact]
    public void Features_of_later_days_are_kept()
    {
        Assert.True(Hello.TryRead([1, 1, 0, 0, 0x01, 0, 0, 0x80], out Hello read));
        Assert.Equal((HelloFeatures)0x8000_0001, read.Features);
        Assert.Equal(0, read.LargestSuperpacket);
    }

    [Theory]
    [InlineData("")]
    [InlineData("01")]
    [InlineData("0101C8FF070000")]   // a byte short
    [InlineData("0001C8FF07000000")] // no type of ours
    [InlineData("0201C8FF07000000")] // a superpacket
    [InlineData("4501C8FF07000000")] // IPv4
    [InlineData("0100C8FF07000000")] // no version
    [InlineData("0102C8FF07000000")] // a later version
    public void Anything_else_is_no_hello(string payload)
    {
        Assert.False(Hello.TryRead(Convert.FromHexString(payload), out Hello read));
        Assert.Equal(default, read);
    }
}
