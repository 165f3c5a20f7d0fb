using System.Buffers;
using System.Net;
using CsCheck;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tests.Provisioning;

public sealed class OfferFormatTests
{
    private static readonly Gen<string> s_address = Gen.Select(Gen.Byte.Array[4, 4], Gen.Byte.Array[16, 16], Gen.Bool)
        .Select((four, six, isIPv6) => new IPAddress(isIPv6 ? six : four).ToString().Split('%')[0]);

    private static readonly Gen<Offer> s_offer = Gen.Select(
        Gen.Select(s_address, Gen.Int[0, 32]).Array[0, 16],
        Gen.Select(s_address, Gen.Int[0, 32]).Array[0, 64],
        Gen.Int[0, 65_535],
        s_address.Array[0, 4],
        Gen.Char["abcxyz"].Array[1, 20].Select(letters => new string(letters)).Array[0, 6],
        (addresses, allowed, mtu, servers, domains) => new Offer
        {
            Addresses = [.. addresses.Select(pair => ExchangeMessagesTests.Address($"{pair.Item1}/{pair.Item2}"))],
            AllowedIps = [.. allowed.Select(pair => ExchangeMessagesTests.Prefix($"{pair.Item1}/{pair.Item2}"))],
            Mtu = mtu % 2 == 0 ? mtu : null,
            DnsServers = servers,
            SearchDomains = domains,
        });

    [Fact]
    public void Offers_come_back_as_they_were() => s_offer.Sample(offer =>
    {
        byte[] written = OfferFormat.Write(offer);
        Assert.True(OfferFormat.TryRead(written, out Offer read, out string error), error);
        ExchangeMessagesTests.AssertSame(offer, read);
        Assert.Equal(written, OfferFormat.Write(read));
        Assert.InRange(written.Length, 1, ExchangeMessages.MaxSize - 64);
    });

    [Fact]
    public void The_largest_offer_fits_a_message()
    {
        string domain = string.Join('.', Enumerable.Repeat(new string('a', 63), 4))[..253];
        var offer = new Offer
        {
            Addresses = [.. Enumerable.Repeat(ExchangeMessagesTests.Address("1111:2222:3333:4444:5555:6666:7777:8888/128"), 16)],
            AllowedIps = [.. Enumerable.Repeat(ExchangeMessagesTests.Prefix("1111:2222:3333:4444:5555:6666:7777:8888/128"), 64)],
            Mtu = 65_535,
            DnsServers = [.. Enumerable.Repeat("1111:2222:3333:4444:5555:6666:7777:8888", 4)],
            SearchDomains = [.. Enumerable.Repeat(domain, 6)],
        };
        byte[] written = OfferFormat.Write(offer);
        Assert.True(OfferFormat.TryRead(written, out _, out _));
        Assert.InRange(written.Length, 1, 8_192);
    }

    [Fact]
    public void Nothing_offered_is_an_empty_map()
    {
        Assert.Equal([0xA0], OfferFormat.Write(new Offer()));
        Assert.True(OfferFormat.TryRead([0xA0], out Offer offer, out _));
        ExchangeMessagesTests.AssertSame(new Offer(), offer);
    }

    [Theory]
    [InlineData(0, 16, "10.0.0.1/24", "more than 16 addresses are offered")]
    [InlineData(1, 64, "10.0.0.0/24", "more than 64 allowed IPs are offered")]
    [InlineData(3, 4, "10.0.0.1", "more than 4 DNS servers are offered")]
    [InlineData(4, 6, "example.com", "more than 6 search domains are offered")]
    public void Counts_are_bounded(uint key, int most, string text, string error)
    {
        Assert.Equal("", Problem(key, most, text));
        Assert.Equal(error, Problem(key, most + 1, text));
    }

    [Theory]
    [InlineData(0, "10.0.0.1/33", "number 1 of the addresses offered cannot be read")]
    [InlineData(1, "10.0.0.0", "number 1 of the allowed IPs offered cannot be read")]
    [InlineData(3, "example.com", "number 1 of the DNS servers offered cannot be read")]
    [InlineData(4, "-x.example", "number 1 of the search domains offered cannot be read")]
    [InlineData(4, "a\nnameserver 10.0.0.1", "number 1 of the search domains offered cannot be read")]
    [InlineData(5, "10.0.0.1", "the offer has a setting that is not known here")]
    public void What_cannot_be_read_is_told_and_not_repeated(uint key, string text, string error) =>
        Assert.Equal(error, Problem(key, 1, text));

    [Theory]
    [InlineData("", "the offer is not a map of settings")]
    [InlineData("80", "the offer is not a map of settings")]
    [InlineData("bfff", "the offer is not a map of settings")]
    [InlineData("a102a0", "the MTU offered is none")]
    [InlineData("a1021a00010000", "the MTU offered is none")]
    [InlineData("a10061", "the addresses offered are no array")]
    [InlineData("a2020102", "the keys of the offer are not in order")]
    [InlineData("a202010080", "the keys of the offer are not in order")]
    [InlineData("a202010201", "the keys of the offer are not in order")]
    [InlineData("a1020100", "something follows the offer")]
    [InlineData("a2020105", "the offer has a setting that is not known here")]
    [InlineData("a21affffffff000000", "the offer has a setting that is not known here")]
    public void Other_forms_are_refused(string hex, string expected)
    {
        Assert.False(OfferFormat.TryRead(Convert.FromHexString(hex), out _, out string error));
        Assert.Equal(expected, error);
    }

    private static string Problem(uint key, int count, string text)
    {
        ArrayBufferWriter<byte> settings = new ArrayBufferWriter<byte>().Map(1).Number(key).Head(CborKind.Array, (uint)count);
        for (int i = 0; i < count; i++)
            settings.Text(text);
        OfferFormat.TryRead(settings.WrittenSpan, out _, out string error);
        return error;
    }
}
