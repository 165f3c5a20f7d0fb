using WireGuard.Attestation;
using WireGuard.Attestation.Signing;
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

/// <summary>What a tunnel has beside its file, as a reload sees it, and what the daemon is given of a learned peer.</summary>
public sealed class LearnedSettingsTests
{
    private const string Address = "tcp:10.77.1.2:51821";

    private static readonly string s_pcr0 = new('a', 96);

    [Fact]
    public void A_section_whose_key_is_learned_is_one_with_that_key()
    {
        TunnelSettings added = LearnedSettings.Add(Verifier(), null, [Learned(Key(5))]);
        PeerSettings peer = Assert.Single(added.Peers);
        Assert.Null(peer.Attest);
        Assert.Equal(Key(5), peer.PublicKey);
        Assert.Equal("10.77.1.2:51820", peer.Endpoint.ToString());
        Assert.Equal("10.0.0.2/32", Assert.Single(peer.AllowedIps).ToString());
        using DeviceChange change = added.ToDeviceChange(null, _ => null!);
        Assert.Equal(Key(5), Assert.Single(change.Peers).PublicKey);
    }

    [Fact]
    public void A_section_whose_key_is_not_learned_stays_and_the_daemon_gets_no_such_peer()
    {
        PeerStatus another = Learned(Key(5)) with { Details = null };
        TunnelSettings added = LearnedSettings.Add(Verifier(), null, [another]);
        Assert.NotNull(Assert.Single(added.Peers).Attest);
        using DeviceChange change = added.ToDeviceChange(null, _ => null!);
        Assert.Empty(change.Peers);
    }

    [Theory]
    [InlineData("0:a", true)]
    [InlineData("0:b", false)]
    [InlineData("0:b 0:a", true)]  // any of one index
    [InlineData("0:a 8:c", true)]
    [InlineData("0:a 8:d", false)] // each index
    [InlineData("0:a 4:a", false)] // not shown
    [InlineData("0:a 3:0", true)]  // what is not in the note is zero
    [InlineData("0:a 8:0", false)]
    [InlineData("0:0", false)]
    [InlineData("", true)]
    public void What_a_peer_has_shown_holds_as_long_as_it_is_what_the_file_asks_for(string pins, bool holds)
    {
        PeerNote note = new() { Attest = Address, AttestedAt = 7, Pcrs = [new(0, s_pcr0), new(8, new string('c', 96))] };
        Assert.Equal(holds, LearnedSettings.Accepts(Asked(pins), note));
    }

    [Fact]
    public void What_was_shown_without_a_document_or_in_debug_mode_holds_while_the_file_allows_it()
    {
        PeerNote none = new() { Attest = Address }, debug = new() { Attest = Address, AttestedAt = 7 };
        Assert.False(LearnedSettings.Accepts(Asked(""), none));
        Assert.True(LearnedSettings.Accepts(Asked("") with { AllowsUnattested = true }, none));
        Assert.False(LearnedSettings.Accepts(Asked("") with { AllowsUnattested = true }, debug));
        Assert.True(LearnedSettings.Accepts(Asked("") with { AllowsDebug = true }, debug));
        Assert.True(LearnedSettings.Accepts(Asked("0:0 2:0") with { AllowsDebug = true }, debug));
        Assert.False(LearnedSettings.Accepts(Asked("0:a") with { AllowsDebug = true }, debug));
    }

    /// <summary>Else a peer that was just attested would be none.</summary>
    [Theory]
    [InlineData("0:0")]
    [InlineData("0:0 2:a 3:0")]
    [InlineData("0:a 3:0 4:b")]
    public void The_note_of_a_document_is_what_its_section_asks_for(string pins)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using Signer signer = Signer.Create(now);
        AttestSettings asked = Asked(pins) with { AllowsDebug = true };
        (int, byte[])[] pcrs = [.. asked.Pins.Select(pin => (pin.Index, pin.Value.ToArray()))];
        AttestationVerdict verdict = AttestationVerifier.Verify(
            signer.Document(Signer.Pcrs(pcrs), null, null, null, now),
            new AttestationPolicy { Now = now, Pins = asked.Pins, Roots = [signer.Root], AllowsDebugMode = true });
        Assert.True(verdict.Holds, string.Join('\n', verdict.Problems));
        AttemptResult result = new(Key(5), 51820, verdict.Document, IsAttested: true, []);
        Assert.True(LearnedSettings.Accepts(asked, LearnedPeer.NoteOf(Address, ProvenPeer.Of(result), 7)));
    }

    /// <summary>Whichever is learned first.</summary>
    [Fact]
    public void A_prefix_that_two_peers_name_is_the_last_ones()
    {
        PeerSettings WithIps(PeerSettings peer, params string[] prefixes) =>
            peer with { AllowedIps = [.. prefixes.Select(Prefix)] };
        TunnelSettings file = new(new InterfaceSettings { Network = NetworkKind.Tcp }, [
            WithIps(new PeerSettings { PublicKey = Key(4) }, "10.0.0.2/32"),
            WithIps(Section(Asked("0:a")), "10.0.0.2/32", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"),
            WithIps(new PeerSettings { PublicKey = Key(3) }, "10.1.0.0/16"),
            WithIps(Section(Asked("0:a", "tcp:10.77.1.3:1")), "10.2.0.0/16", "10.4.0.0/16"),
        ]);
        string[] expected = ["10.0.0.2/32 10.3.0.0/16", "10.2.0.0/16 10.4.0.0/16"];
        Assert.Equal(expected, LearnedSettings.SectionsOf(file).Select(section => string.Join(' ', section.AllowedIps)));
        PeerSettings learned = LearnedSettings.Add(file, null, [Learned(Key(5))]).Peers[1];
        Assert.Equal((Key(5), expected[0]), (learned.PublicKey, string.Join(' ', learned.AllowedIps)));
    }

    [Fact]
    public void Another_root_is_another_demand_wherever_its_file_is()
    {
        Dictionary<string, byte[]> files = new() { ["a.pem"] = [1, 2], ["b.pem"] = [1, 2], ["c.pem"] = [3] };
        ReadOnlyMemory<byte> Read(string file) =>
            files.TryGetValue(file, out byte[]? root) ? root : throw new SetupException($"{file} cannot be read");
        AttestDemand Of(string? file) => AttestDemand.Of(Asked("0:a") with { RootFile = file }, Read);
        AttestDemand first = Of("a.pem");
        Assert.Equal(first, Of("b.pem"));
        files["a.pem"] = [1, 3];
        Assert.All([Of("a.pem"), Of("c.pem"), Of("none.pem"), Of(null)], other =>
        {
            Assert.NotEqual(first.Root, other.Root);
            Assert.Equal(first.Asked, other.Asked);
        });
        AttestDemand pinned = AttestDemand.Of(Asked("0:b") with { RootFile = "b.pem" }, Read);
        Assert.Equal((first.Root, true), (pinned.Root, pinned.Asked != first.Asked));
    }

    [Fact]
    public void Peers_of_sections_whose_root_has_changed_are_removed_and_no_others()
    {
        PeerStatus[] peers = [Learned(Key(5)), Taken(Key(7)), new PeerStatus { PublicKey = Key(8) }];
        using DeviceChange change = LearnedPeer.RemovalOf(new HashSet<string> { Address }, peers);
        PeerChange one = Assert.Single(change.Peers);
        Assert.Equal((Key(5), true), (one.PublicKey, one.Removes));
        using DeviceChange none = LearnedPeer.RemovalOf(new HashSet<string> { "tcp:10.77.1.3:1" }, peers);
        Assert.Empty(none.Peers);
    }

    /// <summary>What answers there may be anyone.</summary>
    [Fact]
    public void Of_many_problems_the_log_has_the_first_and_how_many_more()
    {
        AttemptResult Of(params string[] problems) => new(null, 0, null, IsAttested: false, problems);
        Assert.Null(Of().Reason);
        Assert.Equal("a; b", Of("a", "b").Reason);
        Assert.Equal("a; b; c; d; e", Of("a", "b", "c", "d", "e").Reason);
        Assert.Equal("a; b; c; d; e; and 2 more", Of("a", "b", "c", "d", "e", "f", "g").Reason);
        string[] long5000 = [.. Enumerable.Repeat(new string('x', 10_000), 5000)];
        Assert.InRange(Of(long5000).Reason!.Length, 1500, 1600);
        Assert.EndsWith("x...; and 4995 more", Of(long5000).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_prover_keeps_the_verifiers_that_its_file_allows_and_what_the_first_has_offered()
    {
        TakenOffer taken = new(Key(7), new Offer { Addresses = [At("10.0.0.2/24")], Mtu = 1300, DnsServers = ["10.0.0.1"] });
        PeerStatus[] peers = [Taken(Key(7)), Taken(Key(8))];

        TunnelSettings both = LearnedSettings.Add(Prover(Key(7), Key(8)), taken, peers);
        Assert.Equal([Key(7), Key(8)], both.Peers.Select(peer => peer.PublicKey));
        Assert.Equal(("10.0.0.2/24", 1300, "10.0.0.1"), (
            both.Interface.Addresses[0].ToString(), both.Interface.Mtu, both.Interface.DnsServers[0]));

        TunnelSettings second = LearnedSettings.Add(Prover(Key(8)), taken, peers);
        Assert.Equal([Key(8)], second.Peers.Select(peer => peer.PublicKey));
        Assert.Equal((0, null, 0), (second.Interface.Addresses.Count, second.Interface.Mtu, second.Interface.DnsServers.Count));

        TunnelSettings none = LearnedSettings.Add(new TunnelSettings(new InterfaceSettings(), []), taken, peers);
        Assert.Empty(none.Peers);
    }

    [Fact]
    public void What_the_file_says_goes_before_what_was_offered()
    {
        TakenOffer taken = new(Key(7), new Offer { Addresses = [At("10.0.0.2/24")], Mtu = 1300, DnsServers = ["10.0.0.1"] });
        TunnelSettings file = Prover(Key(7));
        file = new TunnelSettings(
            file.Interface with { Addresses = [At("10.9.0.1/24")], Mtu = 1400, SearchDomains = ["example.com"] },
            [new PeerSettings { PublicKey = Key(7), AllowedIps = [Prefix("10.9.0.0/24")] }]);
        TunnelSettings added = LearnedSettings.Add(file, taken, [Taken(Key(7))]);
        Assert.Equal(("10.9.0.1/24", 1400, 0), (
            added.Interface.Addresses[0].ToString(), added.Interface.Mtu, added.Interface.DnsServers.Count));
        Assert.Equal("10.9.0.0/24", Assert.Single(Assert.Single(added.Peers).AllowedIps).ToString());
    }

    /// <summary>A [Peer] that names an endpoint alone leaves them open.</summary>
    [Fact]
    public void Allowed_IPs_that_the_file_leaves_open_are_those_that_were_offered()
    {
        PeerSettings open = new() { PublicKey = Key(7), Endpoint = EndpointAddress.IPv4(0x0a4d0101, 51820) };
        TunnelSettings file = new(Prover(Key(7)).Interface, [open]);
        TakenOffer taken = new(Key(7), new Offer());
        PeerSettings peer = Assert.Single(LearnedSettings.Add(file, taken, [Taken(Key(7))]).Peers);
        Assert.Equal(Taken(Key(7)).AllowedIps, peer.AllowedIps);
        Assert.Equal("10.77.1.1:51820", peer.Endpoint.ToString());
        Assert.Empty(Assert.Single(LearnedSettings.Add(file, null, []).Peers).AllowedIps);
        Assert.False(LearnedSettings.SaysAllowedIps(file, Key(7)));
    }

    [Theory]
    // where it is attested | the tunnel's network | Endpoint | the port it shows | endpoint | or what is wrong
    [InlineData("tcp:10.77.1.2:51821", "tcp", "", 51820, "10.77.1.2:51820", "")]
    [InlineData("tcp:10.77.1.2:51821", "udp", "", 51820, "10.77.1.2:51820", "")]
    [InlineData("tcp:10.77.1.2:51821", "tcp6", "", 51820, "", "its address is none of the network tcp6: give Endpoint")]
    [InlineData("tcp:10.77.1.2:51821", "tcp", "10.1.1.1:7", 51820, "10.1.1.1:7", "")]
    [InlineData("tcp:10.77.1.2:51821", "tcp", "", 0, "", "it listens on port 0, which cannot be called: give Endpoint")]
    [InlineData("tcp:10.77.1.2:51821", "tcp", "", 65536, "", "it listens on port 65536, which cannot be called: give Endpoint")]
    [InlineData("tcp:10.77.1.2:51821", "tcp", "10.1.1.1:7", 65536, "10.1.1.1:7", "")]
    [InlineData("tcp:enclave:51821", "tcp", "", 51820, "enclave:51820", "")]
    [InlineData("tcp:10.77.1.2:51821", "vsock", "", 51820, "", "")]
    [InlineData("vsock:16:51821", "vsock", "", 65536, "vm(16):65536", "")]
    [InlineData("vsock:16:51821", "tcp", "", 51820, "", "")]
    [InlineData("unix:/run/v.sock:51821", "unix", "", 51820, "unix:/run/v.sock:51820", "")]
    public void Where_a_peer_is_called(string attest, string network, string said, uint port, string expected, string wrong)
    {
        Assert.True(NetworkKind.TryFromWord(network, out NetworkKind kind));
        PeerSettings section = Section(Asked("", attest)) with
        {
            Endpoint = said.Length == 0 ? null
                : EndpointAddress.TryParse(said, kind, _ => 0, out EndpointAddress endpoint, out _) ? endpoint : null,
        };
        bool isMade = LearnedPeer.TryMake(section, Key(5), port, kind, out PeerSettings learned, out string problem);
        Assert.Equal(wrong.Length == 0, isMade);
        Assert.Equal((expected, wrong), (learned.EndpointName ?? learned.Endpoint?.ToString() ?? "", problem));
    }

    [Fact]
    public void A_peer_takes_the_place_of_the_one_that_its_section_had()
    {
        Assert.True(LearnedPeer.TryMake(Section(Asked("")), Key(6), 51820, NetworkKind.Tcp, out PeerSettings learned, out _));
        using DeviceChange change = LearnedPeer.ChangeTo(
            learned, new PeerNote { Attest = Address }, [Learned(Key(5)), Taken(Key(8))], _ => null!);
        Assert.Equal([(Key(5), true), (Key(6), false)], change.Peers.Select(peer => (peer.PublicKey, peer.Removes)));
        Assert.True(change.Peers[1].ReplacesAllowedIps);
        Assert.Equal("10.0.0.2/32", Assert.Single(change.Peers[1].AllowedIps).Prefix.ToString());
        Assert.Equal(Address, change.Peers[1].Note!.Attest);
    }

    [Fact]
    public void A_peer_that_shows_the_same_key_keeps_all_but_its_note()
    {
        Assert.True(LearnedPeer.TryMake(Section(Asked("")), Key(5), 51820, NetworkKind.Tcp, out PeerSettings learned, out _));
        using DeviceChange change = LearnedPeer.ChangeTo(
            learned, new PeerNote { Attest = Address }, [Learned(Key(5))], _ => null!);
        PeerChange one = Assert.Single(change.Peers);
        Assert.True(one is { Endpoint: null, EndpointName: null, PersistentKeepalive: null });
        Assert.False(one.ReplacesAllowedIps || one.Removes);
        Assert.Empty(one.AllowedIps);
        Assert.NotNull(one.Note);
    }

    private static TunnelSettings Verifier() => new(
        new InterfaceSettings { Network = NetworkKind.Tcp }, [Section(Asked("0:a"))]);

    private static TunnelSettings Prover(params PublicKey[] from) => new(
        new InterfaceSettings { Provision = new ProvisionSettings(ProvisionKind.Nitro, from, TakesFirst: false, Port: 1) }, []);

    private static PeerSettings Section(AttestSettings asked) =>
        new() { PublicKey = default, Attest = asked, AllowedIps = [Prefix("10.0.0.2/32")] };

    /// <param name="pins">Each an index and a letter, which stands for 96.</param>
    /// <param name="address">Where.</param>
    private static AttestSettings Asked(string pins, string address = Address) => new()
    {
        Address = TransportAddress.TryParse(address, AddressUse.Send, out TransportAddress to, out _) ? to : null!,
        Pins = [.. pins.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(
            pin => new PcrPin(pin[0] - '0', Convert.FromHexString(new string(pin[2], 96))))],
        Offer = new Offer(),
    };

    private static PeerStatus Learned(PublicKey key)
    {
        Assert.True(EndpointAddress.TryParse("10.77.1.2:51820", NetworkKind.Tcp, _ => 0, out EndpointAddress endpoint, out _));
        return new PeerStatus
        {
            PublicKey = key,
            Endpoint = endpoint,
            Details = new PeerDetails { Note = new PeerNote { Attest = Address, AttestedAt = 7, Pcrs = [new(0, s_pcr0)] } },
        };
    }

    private static PeerStatus Taken(PublicKey key) => new()
    {
        PublicKey = key,
        AllowedIps = [Prefix("10.0.0.1/32")],
        Details = new PeerDetails { Note = new PeerNote { ProvisionedAt = 7 } },
    };

    private static PublicKey Key(byte first) => new([first, .. new byte[31]]);

    private static InterfaceAddress At(string text) =>
        InterfaceAddress.TryParse(text, out InterfaceAddress address) ? address : throw new ArgumentException(text);

    private static IpPrefix Prefix(string text) =>
        IpPrefix.TryParse(text, out IpPrefix prefix) ? prefix : throw new ArgumentException(text);
}
