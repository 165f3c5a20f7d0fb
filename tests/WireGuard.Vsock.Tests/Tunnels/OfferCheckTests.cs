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

    [Theory]
    // another peer has | offered | why it is refused
    [InlineData("0.0.0.0/0", "10.0.0.0/8", null)]
    [InlineData("0.0.0.0/0", "0.0.0.0/0", "the allowed IP 0.0.0.0/0 is another peer's")]
    [InlineData("0.0.0.0/0", "128.0.0.0/1", "the allowed IP 128.0.0.0/1 is another peer's")]
    [InlineData("0.0.0.0/0", "2.0.0.0/7", "the allowed IP 2.0.0.0/7 is another peer's")]
    [InlineData("128.0.0.0/1", "0.0.0.0/0", "the allowed IP 0.0.0.0/0 covers another peer's")]
    [InlineData("128.0.0.0/1", "0.0.0.0/1", null)]
    [InlineData("128.0.0.0/1", "10.0.0.1/32 200.0.0.1/32", null)]
    [InlineData("0.0.0.0/0", "::/0", null)]
    [InlineData("::/0", "fd00::/16", null)]
    [InlineData("::/0", "fc00::/7", "the allowed IP fc00::/7 is another peer's")]
    [InlineData("fc00::/15", "::/0", "the allowed IP ::/0 covers another peer's")]
    public void A_broad_prefix_of_another_peer_is_a_last_resort_and_not_taken_from_it(
        string has, string offered, string? problem)
    {
        PeerStatus ofFile = new() { PublicKey = s_other, AllowedIps = Prefixes(has) };
        Assert.Equal(problem, Check(Of("10.0.0.2/24 200.0.0.2/24 fd00::2/64", offered), peers: [ofFile]));
        Assert.Equal(problem, Check(Of("10.0.0.2/24 200.0.0.2/24 fd00::2/64", offered), peers: [Verifier(s_second, has)]));
    }

    [Theory]
    // another peer has | offered | why it is refused, if the file says what that one has | if another verifier was given it
    [InlineData("10.7.0.0/24", "10.7.0.0/24", "is another peer's", "is another peer's")]
    [InlineData("10.7.0.0/24", "10.7.0.1/32", "is another peer's", "is another peer's")]
    [InlineData("10.7.0.1/32", "10.7.0.0/24", null, "covers another peer's")]
    [InlineData("10.7.0.1/32", "10.0.0.0/8", null, "covers another peer's")]
    [InlineData("fd07::1/128", "fd07::/16", null, "covers another peer's")]
    [InlineData("10.7.0.1/32", "10.0.0.0/7", null, null)] // broad
    [InlineData("fd07::1/128", "fd06::/15", null, null)]
    [InlineData("10.7.0.1/32", "10.7.0.2/32", null, null)]
    public void What_a_verifier_was_given_is_taken_neither_way_round(
        string has, string offered, string? problemOfFile, string? problemOfVerifiers)
    {
        string? With(string? problem) => problem is null ? null : $"the allowed IP {offered} {problem}";
        PeerStatus ofFile = new() { PublicKey = s_other, AllowedIps = Prefixes(has) };
        Assert.Equal(With(problemOfFile), Check(Of("", offered), peers: [ofFile]));
        Assert.Equal(With(problemOfVerifiers), Check(Of("", offered), peers: [Verifier(s_second, has)]));
        // Of two verifiers none is taken where the other was not, were it the first.
        bool isTaken = Check(Of("", has), s_second, peers: [Verifier(s_verifier, offered)]) is null;
        Assert.Equal(problemOfVerifiers is null, isTaken);
    }

    [Fact]
    public void What_a_verifier_has_that_the_file_says_is_the_files()
    {
        TunnelSettings file = File();
        PeerSettings own = new() { PublicKey = s_second, AllowedIps = Prefixes("10.7.0.1/32") };
        file = file with { Peers = [.. file.Peers, own] };
        Assert.Null(Check(Of("", "10.7.0.0/24"), file: file, peers: [Verifier(s_second, "10.7.0.1/32")]));
        Assert.NotNull(Check(Of("", "10.7.0.1/32"), file: file, peers: [Verifier(s_second, "10.7.0.1/32")]));
    }

    [Fact]
    public void A_verifier_may_widen_and_narrow_what_it_has_itself()
    {
        foreach (string offered in (string[])["10.7.0.0/24", "10.7.0.1/32", "0.0.0.0/0", "128.0.0.0/1"])
        {
            Assert.Null(Check(
                Of("10.7.0.2/24", offered),
                taken: new TakenOffer(s_verifier, Of("10.7.0.2/24", "")),
                peers: [Verifier(s_verifier, "10.7.0.0/28 0.0.0.0/0")]));
        }
    }

    /// <summary>Two ends that attest each other would write over each other's peer.</summary>
    [Fact]
    public void A_peer_that_the_file_attests_is_no_verifier()
    {
        PeerStatus attested = new()
        {
            PublicKey = s_verifier,
            Details = new PeerDetails { Note = new PeerNote { Attest = "tcp:192.0.2.1:7", AttestedAt = 1 } },
        };
        Assert.StartsWith(
            "the verifier's key is that of a peer that this file attests",
            Check(Of("", ""), peers: [attested]),
            StringComparison.Ordinal);
        Assert.Null(Check(Of("", ""), s_second, peers: [attested]));
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

    private static PeerStatus Verifier(PublicKey key, string allowedIps) => new()
    {
        PublicKey = key,
        AllowedIps = Prefixes(allowedIps),
        Details = new PeerDetails { Note = new PeerNote { ProvisionedAt = 1 } },
    };

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
