using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>What a prover takes of an offer: all, or nothing. Its file has a peer with 10.1.0.0/16 and fd01::/64.</summary>
public sealed class OfferCheckTests
{
    private static readonly PublicKey s_own = Key(1), s_verifier = Key(2), s_other = Key(3), s_second = Key(4);

    [Theory]
    // addresses | allowed IPs | MTU | why it is refused
    [InlineData("10.0.0.2/24", "10.0.0.1/32", null, null)]
    [InlineData("10.0.0.2/24 fd00::2/64", "10.0.0.1/32 fd00::1/128", 1280, null)]
    [InlineData("", "", null, null)]
    [InlineData("", "0.0.0.0/0 ::/0", null, null)]
    [InlineData("", "10.0.0.0/8", null, null)] // longer prefixes of others win
    [InlineData("", "10.1.0.0/16", null, "the allowed IP 10.1.0.0/16 is another peer's")]
    [InlineData("", "10.0.0.1/32 10.1.2.3/32", null, "the allowed IP 10.1.2.3/32 is another peer's")]
    [InlineData("", "fd01::5/128", null, "the allowed IP fd01::5/128 is another peer's")]
    [InlineData("", "fd01:0:0:1::5/128", null, null)]
    [InlineData("10.1.0.7/24", "", null, "the address 10.1.0.7/24 is in another peer's allowed IPs")]
    [InlineData("10.2.0.7/24", "10.2.0.7/32", null, "the allowed IP 10.2.0.7/32 is the prover's own address")]
    [InlineData("10.2.0.7/24", "10.2.0.0/24", null, null)]
    [InlineData("127.0.0.1/8", "", null, "127.0.0.1/8 is no address for an interface")]
    [InlineData("224.0.0.1/24", "", null, "224.0.0.1/24 is no address for an interface")]
    [InlineData("0.0.0.0/0", "", null, "0.0.0.0/0 is no address for an interface")]
    [InlineData("::1/128", "", null, "::1/128 is no address for an interface")]
    [InlineData("ff02::1/64", "", null, "ff02::1/64 is no address for an interface")]
    [InlineData("10.0.0.2/24", "", 68, null)]
    [InlineData("10.0.0.2/24", "", 67, "the MTU 67 is not within 68 and 65498")]
    [InlineData("fd00::2/64", "", 1279, "the MTU 1279 is not within 1280 and 65498")]
    [InlineData("10.0.0.2/24", "", 65498, null)]
    [InlineData("10.0.0.2/24", "", 65499, "the MTU 65499 is not within 68 and 65498")]
    public void An_offer_takes_nothing_from_others(string addresses, string allowedIps, int? mtu, string? problem) =>
        Assert.Equal(problem, Check(Of(addresses, allowedIps, mtu)));

    [Theory]
    [InlineData("10.5.0.1/32", "the allowed IP 10.5.0.1/32 is the prover's own address")]
    [InlineData("10.5.0.0/24", null)]
    public void An_address_of_the_file_is_its_own(string allowedIps, string? problem) => Assert.Equal(
        problem, Check(Of("", allowedIps), file: File("10.5.0.1/24")));

    [Fact]
    public void What_the_file_says_is_not_taken_from_an_offer_so_it_need_not_be_right() => Assert.Null(Check(
        Of("127.0.0.1/8 10.1.0.7/24", "10.0.0.1/32", 1), file: File("10.5.0.1/24", mtu: 1400)));

    [Fact]
    public void A_default_route_of_another_peer_covers_nothing_but_is_not_taken_from_it()
    {
        PeerStatus other = new() { PublicKey = s_other, AllowedIps = Prefixes("0.0.0.0/0") };
        Assert.Null(Check(Of("10.0.0.2/24", "10.0.0.1/32"), peers: [other]));
        Assert.Equal("the allowed IP 0.0.0.0/0 is another peer's", Check(Of("10.0.0.2/24", "0.0.0.0/0"), peers: [other]));
    }

    [Fact]
    public void A_peer_that_was_learned_keeps_its_own()
    {
        PeerStatus second = new() { PublicKey = s_second, AllowedIps = Prefixes("10.0.0.0/24") };
        Assert.Equal("the allowed IP 10.0.0.1/32 is another peer's", Check(Of("", "10.0.0.1/32"), peers: [second]));
    }

    [Fact]
    public void The_same_verifier_may_offer_the_same_again()
    {
        Offer offer = Of("10.0.0.2/24", "10.0.0.1/32");
        PeerStatus itself = new()
        {
            PublicKey = s_verifier,
            AllowedIps = offer.AllowedIps,
            Details = new PeerDetails { Note = new PeerNote { ProvisionedAt = 1 } },
        };
        Assert.Null(Check(offer, taken: new TakenOffer(s_verifier, offer), peers: [itself]));
    }

    [Fact]
    public void Only_the_allowed_IPs_of_a_second_verifier_count()
    {
        TakenOffer first = new(s_verifier, Of("10.0.0.2/24", "10.0.0.1/32"));
        Assert.Null(Check(Of("127.0.0.1/8", "10.7.0.1/32", 1), s_second, taken: first));
        Assert.Equal(
            "the allowed IP 10.0.0.2/32 is the prover's own address", Check(Of("", "10.0.0.2/32"), s_second, taken: first));
    }

    [Fact]
    public void A_peer_of_the_file_has_the_allowed_IPs_that_stand_there()
    {
        TunnelSettings file = File("10.5.0.1/24");
        PeerSettings own = new() { PublicKey = s_verifier, AllowedIps = Prefixes("10.9.0.0/16") };
        file = file with { Peers = [.. file.Peers, own] };
        Assert.Null(Check(Of("", "10.1.0.0/16"), file: file));
    }

    [Fact]
    public void Only_verifiers_that_the_file_names_are_taken()
    {
        Assert.Equal("ProvisionFrom does not name this verifier's key", Check(Of("", ""), s_other));
        Assert.Equal("the verifier has the prover's own key", Check(Of("", ""), s_own, File(takesFirst: true)));
    }

    [Fact]
    public void The_first_is_the_only_one_where_the_file_says_so()
    {
        TunnelSettings file = File(takesFirst: true);
        Assert.Null(Check(Of("", ""), s_other, file));
        TakenOffer taken = new(s_other, Of("", ""));
        Assert.Null(Check(Of("", ""), s_other, file, taken));
        Assert.StartsWith("another verifier was first", Check(Of("", ""), s_verifier, file, taken), StringComparison.Ordinal);
    }

    private static string? Check(
        Offer offer,
        PublicKey? verifier = null,
        TunnelSettings? file = null,
        TakenOffer? taken = null,
        params PeerStatus[] peers) =>
        OfferCheck.Problem(s_own, verifier ?? s_verifier, offer, file ?? File(), taken, peers);

    private static TunnelSettings File(string addresses = "", int? mtu = null, bool takesFirst = false) => new(
        new InterfaceSettings
        {
            Network = NetworkKind.Tcp,
            Addresses = Addresses(addresses),
            Mtu = mtu,
            Provision = new ProvisionSettings(
                ProvisionKind.Unattested, takesFirst ? [] : [s_verifier, s_second, s_own], takesFirst, Port: 1),
        },
        [new PeerSettings { PublicKey = Key(9), AllowedIps = Prefixes("10.1.0.0/16 fd01::/64") }]);

    private static Offer Of(string addresses, string allowedIps, int? mtu = null) =>
        new() { Addresses = Addresses(addresses), AllowedIps = Prefixes(allowedIps), Mtu = mtu };

    private static List<InterfaceAddress> Addresses(string text) => [.. WordsOf(text).Select(word =>
        InterfaceAddress.TryParse(word, out InterfaceAddress address) ? address : throw new ArgumentException(word))];

    private static string[] WordsOf(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static List<IpPrefix> Prefixes(string text) => [.. WordsOf(text).Select(word =>
        IpPrefix.TryParse(word, out IpPrefix prefix) ? prefix : throw new ArgumentException(word))];

    private static PublicKey Key(byte first) => new([first, .. new byte[31]]);
}
