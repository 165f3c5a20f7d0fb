using System.Net;
using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Tests.Routing;

public sealed class IpAddressTextTests
{
    [Theory]
    [InlineData("0.0.0.0", 0x00000000u)]
    [InlineData("10.0.0.1", 0x0A000001u)]
    [InlineData("255.255.255.255", 0xFFFFFFFFu)]
    [InlineData("192.0.2.100", 0xC0000264u)]
    public void Dotted_quad_is_read_and_written(string text, uint address)
    {
        Assert.True(IpAddressText.TryParseIPv4(text, out uint parsed));
        Assert.Equal(address, parsed);
        Assert.Equal(text, Format4(address));
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1.2.3")]
    [InlineData("1.2.3.")]
    [InlineData("1.2.3.4.")]
    [InlineData("1.2.3.4.5")]
    [InlineData(".1.2.3.4")]
    [InlineData("1..2.3")]
    [InlineData("256.0.0.1")]
    [InlineData("1.2.3.4294967297")]
    [InlineData("1.2.3.99999999999999999999")]
    [InlineData("01.2.3.4")]
    [InlineData("1.2.3.00")]
    [InlineData("0x1.2.3.4")]
    [InlineData("+1.2.3.4")]
    [InlineData("-1.2.3.4")]
    [InlineData(" 1.2.3.4")]
    [InlineData("1.2.3.4 ")]
    [InlineData("1.2.3.4\0")]
    [InlineData("1.2.3.\u0664")] // a digit, but not one of ours
    [InlineData("::1")]
    public void What_is_no_dotted_quad_is_refused(string text) => Assert.False(IpAddressText.TryParseIPv4(text, out _));

    [Theory]
    // RFC 5952 sections 4 and 5, and the edges of "::".
    [InlineData("::", "::")]
    [InlineData("::1", "::1")]
    [InlineData("1::", "1::")]
    [InlineData("0:0:0:0:0:0:0:0", "::")]
    [InlineData("2001:0db8::0001", "2001:db8::1")]
    [InlineData("2001:db8:0:0:0:0:2:1", "2001:db8::2:1")]
    [InlineData("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1")]
    [InlineData("2001:0:0:1:0:0:0:1", "2001:0:0:1::1")]
    [InlineData("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1")]
    [InlineData("2001:DB8::ABCD", "2001:db8::abcd")]
    [InlineData("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0")]
    [InlineData("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8")]
    [InlineData("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8")]
    [InlineData("1:0:0:4:5:6:0:0", "1::4:5:6:0:0")]
    [InlineData("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    [InlineData("::ffff:192.0.2.1", "::ffff:192.0.2.1")]
    [InlineData("::ffff:c000:201", "::ffff:192.0.2.1")]
    [InlineData("64:ff9b::192.0.2.33", "64:ff9b::c000:221")]
    [InlineData("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304")]
    public void IPv6_is_read_and_written_in_canonical_form(string text, string canonical)
    {
        Assert.True(IpAddressText.TryParseIPv6(text, out UInt128 address));
        Assert.Equal(canonical, Format6(address));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":::")]
    [InlineData("1")]
    [InlineData("1:")]
    [InlineData(":1")]
    [InlineData("1:2:3:4:5:6:7")]
    [InlineData("1:2:3:4:5:6:7:")]
    [InlineData(":2:3:4:5:6:7:8")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    [InlineData("1:2:3:4:5:6:7:8:")]
    [InlineData("1:2:3:4::5:6:7:8")] // "::" must stand for something
    [InlineData("1:2:3:4:5:6:7:8::")]
    [InlineData("::1:2:3:4:5:6:7:8")]
    [InlineData("1::2::3")]
    [InlineData("1:::2")]
    [InlineData("12345::")]
    [InlineData("g::")]
    [InlineData("::1%eth0")]
    [InlineData("[::1]")]
    [InlineData("::1 ")]
    [InlineData("::1\0")]
    [InlineData("::+1")]
    [InlineData("::0x1")]
    [InlineData("1.2.3.4")]
    [InlineData("::1.2.3")]
    [InlineData("::1.2.3.4:5")]
    [InlineData("::1.2.3.256")]
    [InlineData("1:2:3:4:5:6:7:1.2.3.4")]
    [InlineData("1.2.3.4::")]
    public void What_is_no_IPv6_address_is_refused(string text) => Assert.False(IpAddressText.TryParseIPv6(text, out _));

    [Fact]
    public void Random_addresses_survive_the_text_and_mean_the_same_to_dotnet()
    {
        var random = new Random(1);
        byte[] bytes = new byte[16];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            for (int group = 0; group < 8; group++)
            {
                if (random.Next(2) == 0)
                    bytes.AsSpan(group * 2, 2).Clear();
            }
            UInt128 address = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
            string text = Format6(address);
            Assert.Equal(bytes, IPAddress.Parse(text).GetAddressBytes());
            Assert.True(IpAddressText.TryParseIPv6(text, out UInt128 back));
            Assert.Equal(address, back);
        }
    }

    [Fact]
    public void Random_text_is_never_accepted_where_dotnet_refuses_it()
    {
        var random = new Random(2);
        const string Alphabet = "0123456789abcdefF:::::....";
        int accepted = 0;
        for (int i = 0; i < 200_000; i++)
        {
            string text = string.Create(random.Next(12), random, (chars, r) => r.GetItems(Alphabet, chars));
            if (!IpAddressText.TryParseIPv6(text, out UInt128 address))
                continue;
            accepted++;
            Assert.True(IPAddress.TryParse(text, out IPAddress? theirs), text);
            Assert.True(IpAddressText.TryParseIPv6(theirs.ToString(), out UInt128 same), theirs.ToString());
            Assert.Equal(same, address);
        }
        Assert.True(accepted > 100, $"only {accepted} texts were addresses");
    }

    [Fact]
    public void Too_little_room_is_refused()
    {
        Assert.False(IpAddressText.TryFormatIPv4(0x0A000001, new char[7], out _));
        Assert.False(IpAddressText.TryFormatIPv6(UInt128.MaxValue, new char[38], out _));
        Assert.True(IpAddressText.TryFormatIPv6(UInt128.MaxValue, new char[39], out int written));
        Assert.Equal(39, written);
    }

    private static string Format4(uint address)
    {
        Span<char> text = stackalloc char[IpAddressText.MaxLength];
        Assert.True(IpAddressText.TryFormatIPv4(address, text, out int length));
        return new string(text[..length]);
    }

    private static string Format6(UInt128 address)
    {
        Span<char> text = stackalloc char[IpAddressText.MaxLength];
        Assert.True(IpAddressText.TryFormatIPv6(address, text, out int length));
        return new string(text[..length]);
    }
}
