using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Tests.Routing;

public sealed class IpPrefixTests
{
    [Theory]
    [InlineData("10.0.0.0/24", "10.0.0.0/24")]
    [InlineData("10.0.0.255/24", "10.0.0.0/24")]
    [InlineData("255.255.255.255/0", "0.0.0.0/0")]
    [InlineData("255.255.255.255/1", "128.0.0.0/1")]
    [InlineData("192.0.2.1/32", "192.0.2.1/32")]
    [InlineData("2001:db8::1/32", "2001:db8::/32")]
    [InlineData("ffff::1/0", "::/0")]
    [InlineData("::1/128", "::1/128")]
    [InlineData("::ffff:10.0.0.1/120", "::ffff:10.0.0.0/120")]
    [InlineData("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")]
    public void Prefix_is_read_without_its_host_bits(string text, string canonical)
    {
        Assert.True(IpPrefix.TryParse(text, out IpPrefix prefix));
        Assert.Equal(canonical, prefix.ToString());
        Assert.True(IpPrefix.TryParse(canonical, out IpPrefix again));
        Assert.Equal(again, prefix);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/24")]
    [InlineData("10.0.0.0")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/128")]
    [InlineData("10.0.0.0/024")]
    [InlineData("10.0.0.0/00")]
    [InlineData("10.0.0.0/+8")]
    [InlineData("10.0.0.0/-8")]
    [InlineData("10.0.0.0/8 ")]
    [InlineData("10.0.0.0/ 8")]
    [InlineData(" 10.0.0.0/8")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("10.0.0.0/255.0.0.0")]
    [InlineData("10.0.0/24")]
    [InlineData("-10.0.0.0/24")]
    [InlineData("::/129")]
    [InlineData("::/4294967296")]
    [InlineData("fe80::1%eth0/64")]
    [InlineData("[::]/0")]
    [InlineData("::1")]
    [InlineData("host/24")]
    public void What_is_no_prefix_is_refused(string text) => Assert.False(IpPrefix.TryParse(text, out _));

    [Fact]
    public void IPv4_is_left_aligned()
    {
        Assert.True(IpPrefix.TryParse("10.1.2.0/24", out IpPrefix prefix));
        Assert.Equal((UInt128)0x0A010200 << 96, prefix.Address);
        Assert.Equal(24, prefix.Length);
        Assert.False(prefix.IsIPv6);
    }

    [Fact]
    public void Same_bits_in_the_other_family_are_another_prefix() =>
        Assert.NotEqual(IpPrefix.IPv4(0x20010DB8, 32), IpPrefix.IPv6((UInt128)0x20010DB8 << 96, 32));

    [Fact]
    public void Length_beyond_the_address_is_a_mistake_of_the_caller()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => IpPrefix.IPv4(0, 33));
        Assert.Throws<ArgumentOutOfRangeException>(() => IpPrefix.IPv4(0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => IpPrefix.IPv6(0, 129));
    }

    [Fact]
    public void Longest_prefix_fills_the_stated_room_and_less_is_refused()
    {
        IpPrefix longest = IpPrefix.IPv6(UInt128.MaxValue, 128);
        int length = longest.ToString().Length;
        Assert.InRange(length, 1, IpPrefix.MaxTextLength);
        for (int room = 0; room < length; room++)
            Assert.False(longest.TryFormat(new char[room], out _));
        Assert.True(longest.TryFormat(new char[length], out int written));
        Assert.Equal(length, written);
    }
}
