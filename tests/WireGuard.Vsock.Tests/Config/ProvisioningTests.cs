using System.Globalization;
using System.Text;
using CsCheck;
using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Tests.Config.ConfigText;

namespace WireGuard.Vsock.Tests.Config;

/// <summary>The keys of provisioning: Provision of the prover's file, Attest of the verifier's.</summary>
public sealed class ProvisioningTests
{
    private const string Third = "3f1c52a19d0e4b7788c1f02e6a9d3b5c";
    private const string Hash = Third + Third + Third;
    private const string ZeroThird = "00000000000000000000000000000000";
    private const string ZeroHash = ZeroThird + ZeroThird + ZeroThird;

    // A prover's file, from line 1, and a verifier's with its [Peer] from line 5.
    private const string Prover = "[Interface]\nPrivateKey = generate\nListenPort = 51820\n";
    private const string From = $"ProvisionFrom = {Peer1}\n";
    private const string Verifier = $"{Head}Address = 203.0.113.1/24, fd00::1/64\nListenPort = 51820\n";
    private const string Attest = "[Peer]\nAttest = vsock:16:51821\nAllowedIPs = 203.0.113.2/32\n";
    private const string Pcr0 = $"PCR0 = {Hash}\n";
    private const string Good = Verifier + Attest + Pcr0;
    private const string Nitro = Prover + "Provision = nitro\n";

    [Fact]
    public void Every_key_of_a_prover_is_read()
    {
        using TunnelSettings settings = Settings($"{Nitro}{From}ProvisionFrom = {Peer2}, {Peer3}\nProvisionPort = 70000\n");
        ProvisionSettings read = settings.Interface.Provision!;
        Assert.Equal(ProvisionKind.Nitro, read.Kind);
        Assert.Equal([Peer1, Peer2, Peer3], read.From.Select(key => Convert.ToBase64String(key.Bytes)));
        Assert.False(read.TakesFirst);
        Assert.Equal(70000u, read.Port);
    }

    [Fact]
    public void A_prover_may_take_the_first_verifier_behind_its_own_port()
    {
        using TunnelSettings settings = Settings($"{Prover}provision = unattested\nprovisionfrom = First\n");
        ProvisionSettings read = settings.Interface.Provision!;
        Assert.Equal(ProvisionKind.Unattested, read.Kind);
        Assert.Empty(read.From);
        Assert.True(read.TakesFirst);
        Assert.Null(read.Port);
        Assert.Null(Settings(Prover).Interface.Provision);
    }

    [Fact]
    public void Every_key_of_a_verifier_is_read()
    {
        using TunnelSettings settings = Settings($"""
            {Verifier}
            [Peer]
            Attest = tcp:relay.example.com:51821
            PCR0 = {Hash}
            pcr0 = {Hash.ToUpperInvariant()[..^1]}0
            PCR31 = {Hash[..64]}
            PCR8 = {Hash}{Hash[..32]}
            AttestRoot = keys/root.pem
            AttestDebug = yes
            AttestUnattested = ON
            AllowedIPs = 203.0.113.0/29, fd00::/64
            OfferAddress = 203.0.113.2/24 203.0.113.3
            OfferAddress = fd00::2/64
            OfferAllowedIPs = 0.0.0.0/0, ::/0
            OfferMTU = 1400
            OfferDNS = 203.0.113.1, example.com
            OfferDNS = fd00::53
            Endpoint = 3:51820
            PersistentKeepalive = 25
            """);
        PeerSettings peer = Assert.Single(settings.Peers);
        AttestSettings read = peer.Attest!;
        Assert.True(peer.PublicKey.IsZero);
        Assert.Equal("tcp:relay.example.com:51821", read.Address.ToString());
        Assert.Equal([0, 0, 31, 8], read.Pins.Select(pin => pin.Index));
        Assert.Equal(
            [Hash, Hash[..^1] + "0", Hash[..64], Hash + Hash[..32]],
            read.Pins.Select(pin => Convert.ToHexStringLower(pin.Value.Span)));
        Assert.Equal("keys/root.pem", read.RootFile);
        Assert.True(read.AllowsDebug);
        Assert.True(read.AllowsUnattested);
        Assert.Equal("203.0.113.2/24 203.0.113.3/32 fd00::2/64", string.Join(' ', read.Offer.Addresses));
        Assert.Equal("0.0.0.0/0 ::/0", string.Join(' ', read.Offer.AllowedIps));
        Assert.Equal(1400, read.Offer.Mtu);
        Assert.Equal(["203.0.113.1", "fd00::53"], read.Offer.DnsServers);
        Assert.Equal(["example.com"], read.Offer.SearchDomains);
        Assert.Equal("vm(3):51820", peer.Endpoint.ToString());
    }

    [Fact]
    public void What_is_not_said_is_not_allowed_and_not_offered()
    {
        using TunnelSettings settings = Settings($"{Verifier}{Attest}{Pcr0}");
        AttestSettings read = settings.Peers[0].Attest!;
        Assert.Equal("vsock:16:51821", read.Address.ToString());
        Assert.Null(read.RootFile);
        Assert.False(read.AllowsDebug);
        Assert.False(read.AllowsUnattested);
        Assert.Null(read.Offer.Mtu);
        Assert.Empty(read.Offer.DnsServers);
        Assert.Empty(read.Offer.SearchDomains);
        Assert.Empty(Said($"{Verifier}{Attest}{Pcr0}"));
        Assert.Null(Settings(Head + Peer).Peers[0].Attest);
    }

    /// <summary>Over streams the end of its connections tells that a peer was started anew.</summary>
    [Theory]
    [InlineData("udp", "", 25)]
    [InlineData("udp4", "", 25)]
    [InlineData("udp", "PersistentKeepalive = 7", 7)]
    [InlineData("udp", "PersistentKeepalive = off", 0)]
    [InlineData("tcp", "", null)]
    public void Over_udp_a_peer_that_is_attested_is_sent_to_though_nothing_is_said(string network, string line, int? seconds)
    {
        string peer = $"[Peer]\nAttest = tcp:192.0.2.1:5\nAllowedIPs = 203.0.113.2\n{Pcr0}{line}\n";
        string text = $"{Verifier}Network = {network}\n{peer}";
        using TunnelSettings settings = Settings(text);
        Assert.Equal(seconds, settings.Peers[0].PersistentKeepalive);
        Assert.Null(Settings($"{Head}Network = {network}\n{Peer}").Peers[0].PersistentKeepalive);
    }

    [Theory]
    [InlineData("203.0.113.2/32", "203.0.113.2/24")]
    [InlineData("203.0.113.2/32, 203.0.113.2/32", "203.0.113.2/24")]
    [InlineData("198.51.100.2, 203.0.113.2", "198.51.100.2/32 203.0.113.2/24")]
    [InlineData("203.0.113.200", "203.0.113.200/25")] // of two networks the narrower
    [InlineData("fd00::2, 2001:db8::2", "fd00::2/64 2001:db8::2/128")]
    [InlineData("0.0.0.0/0, 203.0.113.0/30", "")]
    public void Offered_as_addresses_are_the_hosts_of_AllowedIPs(string allowed, string offered)
    {
        using TunnelSettings settings = Settings($"""
            [Peer]
            Attest = vsock:16:51821
            AllowedIPs = {allowed}
            PCR8 = {Hash}
            {Head}Address = 203.0.113.1/24, fd00::1/64, 203.0.113.129/25
            """);
        Offer offer = settings.Peers[0].Attest!.Offer;
        Assert.Equal(offered, string.Join(' ', offer.Addresses));
        Assert.Equal("203.0.113.1/32 fd00::1/128 203.0.113.129/32", string.Join(' ', offer.AllowedIps));
    }

    /// <summary>Their keys are not known, and what learns them adds them.</summary>
    [Fact]
    public void Peers_to_be_attested_are_no_part_of_a_set()
    {
        using TunnelSettings settings = Settings($"{Verifier}{Attest}{Pcr0}{Peer}");
        using DeviceChange change = settings.ToDeviceChange(null, _ => throw new InvalidOperationException());
        Assert.Equal(Peer1, Convert.ToBase64String(Assert.Single(change.Peers).PublicKey.Bytes));
    }

    [Theory]
    // Provision
    [InlineData(Nitro + From)]
    [InlineData(Nitro + From + "Network = tcp\n")]
    [InlineData(Nitro + From + "[Peer]\nPublicKey = " + Peer1 + "\nEndpoint = 3:51820")] // its AllowedIPs are offered
    [InlineData(Nitro + From + "[Peer]\nPublicKey = " + Peer2, "6:1: AllowedIPs: warning: this [Peer] has none")]
    [InlineData(Nitro + From + "Network = udp\nProvisionPort = 51820\n")] // TCP beside UDP
    [InlineData("[Interface]\nPrivateKey = generate\nProvision = nitro\nProvisionPort = 1\n" + From)]
    [InlineData(Prover + "Provision = yes\n" + From, "4:13: Provision: 'yes' is neither nitro nor unattested")]
    [InlineData(Nitro, "4:1: Provision: from whom? Add ProvisionFrom = the verifier's public key, or")]
    [InlineData(Prover + From, "4:1: ProvisionFrom: it goes with Provision: add that, or delete the line")]
    [InlineData(Prover + "ProvisionPort = 5\n", "4:1: ProvisionPort: it goes with Provision: add that, or delete the line")]
    [InlineData(Nitro + "ProvisionFrom =\n", "5:1: ProvisionFrom: it is empty: give it a value, or delete")]
    [InlineData(
        Nitro + "ProvisionFrom = anyone\n",
        "5:17: ProvisionFrom: 'anyone' is neither a public key of 44 characters in base64 nor first")]
    [InlineData(Nitro + "ProvisionFrom = " + Zero, "5:17: ProvisionFrom: it is all zero, which is no machine's")]
    [InlineData(Nitro + From + From, "6:17: ProvisionFrom: the key is given already: delete it here")]
    [InlineData(Nitro + "ProvisionFrom = first, " + Peer1, "5:1: ProvisionFrom: first takes anyone: keep either")]
    [InlineData(Nitro + "ProvisionFrom = first", "5:1: ProvisionFrom: warning: it may be anyone, this machine's host")]
    [InlineData(
        Prover + "Provision = unattested\n" + From,
        "4:1: Provision: warning: unattested proves nothing of what runs here")]
    [InlineData(
        Head + "ListenPort = 1\nProvision = nitro\n" + From,
        "4:1: Provision: warning: the key is not made at each start")]
    [InlineData(
        "[Interface]\nPrivateKey = generate\nProvision = nitro\n" + From,
        "3:1: Provision: at which port? Add ListenPort, for the one behind that, or ProvisionPort")]
    [InlineData(
        "[Interface]\nPrivateKey = generate\nProvision = nitro\nListenPort = 0\n" + From,
        "3:1: Provision: at which port?")]
    [InlineData(
        "[Interface]\nPrivateKey = generate\nProvision = nitro\nListenPort = x\n" + From,
        "4:14: ListenPort: 'x' is no number")]
    [InlineData(Nitro + From + "ProvisionPort = 0", "6:17: ProvisionPort: '0' is no number from 1 to 4294967294")]
    [InlineData(Nitro + From + "ProvisionPort = 51820", "6:1: ProvisionPort: ListenPort has 51820 too: take")]
    [InlineData(
        Nitro + "Network = tcp\n" + From + "ProvisionPort = 70000", "7:1: ProvisionPort: 70000 is no port: from 1 to")]
    [InlineData(
        "[Interface]\nPrivateKey = generate\nNetwork = udp\nListenPort = 65535\nProvision = nitro\n" + From,
        "5:1: ProvisionPort: 65536 is no port: from 1 to 65535")]
    [InlineData(Nitro + "Network = unix\n" + From, "4:1: Provision: unix is for the host of guests: in a guest the")]
    [InlineData(Nitro + From + "PCR0 = " + Hash, "6:1: PCR0: it belongs in [Peer]: move it there")]
    // Attest
    [InlineData(Verifier + Attest + Pcr0)]
    [InlineData(Verifier + Attest + "PCR2 = " + Hash)]
    [InlineData(Verifier + Attest + "PCR8 = " + Hash)]
    [InlineData(Verifier + Attest + Pcr0 + "PCR8 = " + Hash + "\nPCR8 = " + ZeroHash)]
    [InlineData(Verifier + "Network = unix\n[Peer]\nAttest = unix:/run/v.sock:51821\nAllowedIPs = 203.0.113.2\n" + Pcr0)]
    [InlineData(Verifier + "Network = udp\n[Peer]\nAttest = tcp:192.0.2.1:51821\nAllowedIPs = 203.0.113.2\n" + Pcr0)]
    [InlineData(
        Verifier + "[Peer]\nAllowedIPs = 203.0.113.2\n" + Pcr0 + "Atest = vsock:16:1\n",
        "5:1: PublicKey: this [Peer] has none",
        "7:1: PCR0: it goes with Attest: add where the peer is attested",
        "8:1: Atest: no such key: did you mean Attest?")]
    [InlineData(Good + "PCR32 = " + Hash, "9:1: PCR32: no such key: there are PCR0 to PCR31")]
    [InlineData(Good + "PCR00 = " + Hash, "9:1: PCR00: no such key: there are PCR0 to PCR31")]
    [InlineData(Good + "OfferAdress = 203.0.113.2", "9:1: OfferAdress: no such key: did you mean OfferAddress?")]
    [InlineData(Good + "Attest = vsock:3:1", "9:1: Attest: it is given on line 6 already")]
    [InlineData(Good + "PublicKey = " + Peer1, "9:1: PublicKey: there is Attest on line 6, which learns it")]
    [InlineData(Verifier + Attest + "PCR1 = " + Hash, "6:1: Attest: what is to run there? Add PCR0, PCR2 or PCR8")]
    [InlineData(Verifier + Attest + "PCR8 = " + ZeroHash, "6:1: Attest: what is to run there? Add PCR0, PCR2 or PCR8")]
    [InlineData(
        Verifier + Attest + "PCR8 = " + Hash + "\nPCR8 = " + ZeroHash,
        "6:1: Attest: what is to run there? Add PCR0, PCR2 or PCR8, as nitro-cli prints it; zeros, even as one of several, tell")]
    [InlineData(
        Verifier + Attest + "AttestDebug = yes\nPCR8 = " + ZeroHash,
        "6:1: Attest: what is to run there? Add PCR0, PCR2 or PCR8",
        "8:1: AttestDebug: warning: debug mode proves nothing")]
    [InlineData(
        Verifier + Attest + "PCR0 = " + ZeroHash,
        "8:8: PCR0: it is all zero, which is debug mode: put another, or add Att")]
    [InlineData(
        Verifier + Attest + "PCR0 = " + ZeroHash + "\nAttestDebug = yes",
        "9:1: AttestDebug: warning: debug mode proves nothing of what")]
    [InlineData(
        Verifier + Attest + "AttestUnattested = true",
        "8:1: AttestUnattested: warning: it takes an answer that proves nothing")]
    [InlineData(Good + "AttestDebug = perhaps", "9:15: AttestDebug: 'perhaps' is neither yes nor no")]
    [InlineData(Verifier + Attest + "PCR0 = 3f1c", "8:8: PCR0: '3f1c' is not 96 hexadecimal digits, as nitro-cli build-enclave")]
    [InlineData(Verifier + Attest + "PCR0 = " + Hash + "00", "8:8: PCR0: this is not 96 hexadecimal digits")]
    [InlineData(Good + "PCR0 =", "9:1: PCR0: it is empty: give it a value, or delete the line")]
    [InlineData(
        Verifier + "[Peer]\nAttest = udp:192.0.2.1:5\nAllowedIPs =\n" + Pcr0,
        "6:10: Attest: attesting is over a stream, also")]
    [InlineData(
        Verifier + "[Peer]\nAttest = 16:51821\nAllowedIPs =\n" + Pcr0,
        "6:10: Attest: '16:51821': it does not begin with a net")]
    [InlineData(
        Verifier + "[Peer]\nAttest = vsock:51821\nAllowedIPs =\n" + Pcr0,
        "6:10: Attest: 'vsock:51821': which machine? Write vs")]
    [InlineData(
        Verifier + "[Peer]\nAttest = vsock:16:0\nAllowedIPs =\n" + Pcr0,
        "6:10: Attest: port 0 cannot be called: put the port")]
    [InlineData(
        Good + Attest + Pcr0,
        "10:1: Attest: line 6 attests the same: make one [Peer] of the two",
        "11:14: AllowedIPs: warning: 203.0.113.2/32 is the peer's of line 7 too: the last one, this, has it alone")]
    [InlineData(
        Verifier + "Network = udp\n" + Attest + Pcr0,
        "7:1: Attest: warning: vsock tells no endpoint over udp, and the peer waits to be called: add Endpoint")]
    [InlineData(Verifier + "Network = udp\n" + Attest + Pcr0 + "Endpoint = 192.0.2.1:51820")]
    [InlineData(
        Verifier + "Network = udp\n" + Attest + Pcr0 + "Endpoint = 192.0.2.1:51820\nPersistentKeepalive = off",
        "11:1: PersistentKeepalive: warning: a peer that is started anew is attested anew only once something is sent to it")]
    [InlineData(Good + "PersistentKeepalive = off")]
    [InlineData(
        Verifier + "[Peer]\nAttest = tcp:192.0.2.1:5\nAllowedIPs = 203.0.113.2\n" + Pcr0,
        "6:1: Attest: warning: tcp tells no endpoint over vsock")]
    [InlineData(Good + "AttestRoot = " + Private, "9:14: AttestRoot: this is a key, not the file of a root's")]
    [InlineData(Head + Attest + Pcr0, "4:1: Attest: warning: the peer gets no allowed IPs: add Address to [Interface], or Offer")]
    [InlineData(
        Verifier + Peer + "OfferMTU = 1400\nAttestDebug = no",
        "8:1: OfferMTU: it goes with Attest: add where the",
        "9:1: AttestDebug: it goes with Attest")]
    // Offers
    [InlineData(Good + "OfferAddress = 203.0.113.300", "9:16: OfferAddress: '203.0.113.300' is no IP address")]
    [InlineData(Good + "OfferAddress = 203.0.113.1/32", "9:16: OfferAddress: 203.0.113.1 is this interface's own: offer")]
    [InlineData(
        Verifier + "[Peer]\nAttest = vsock:16:1\nAllowedIPs = 203.0.113.1\n" + Pcr0,
        "6:1: AllowedIPs: 203.0.113.1 is this")]
    [InlineData(
        Good + "OfferAddress = 203.0.113.2, 203.0.113.3",
        "9:29: OfferAddress: warning: 203.0.113.3 is not in AllowedIPs: what the peer sends from it is dropped")]
    [InlineData(Good + "OfferAllowedIPs = 10.0.0.0/33", "9:19: OfferAllowedIPs: '10.0.0.0/33' is no IP address")]
    [InlineData(
        Good + "OfferAllowedIPs = 10.0.0.1/8",
        "9:19: OfferAllowedIPs: warning: 10.0.0.1/8 has bits behind its length: it is taken as 10.0.0.0/8")]
    [InlineData(Good + "OfferAllowedIPs =", "9:1: OfferAllowedIPs: it is empty: give it a value, or delete")]
    [InlineData(Good + "OfferMTU = 67", "9:12: OfferMTU: 67 is less than 68")]
    [InlineData(Good + "OfferMTU = 65499", "9:12: OfferMTU: 65499 is more than a message over vsock can carry")]
    [InlineData(
        Verifier + "[Peer]\nAttest = vsock:16:1\nAllowedIPs = fd00::2\nOfferMTU = 1279\n" + Pcr0,
        "8:12: OfferMTU: 1279 is less")]
    [InlineData(Good + "OfferDNS = fe80::1%eth0", "9:12: OfferDNS: 'fe80::1%eth0' is no IP address")]
    [InlineData(Good + "OfferDNS = ~example.com", "9:12: OfferDNS: '~example.com' is neither a server's IP address")]
    [InlineData(
        Good + "OfferDNS = 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5",
        "9:1: OfferDNS: more than 4 servers would be offered: name with OfferDNS those")]
    [InlineData(Good + "OfferDNS = a.b c.d e.f g.h i.j k.l m.n", "9:1: OfferDNS: more than 6 search domains would be offered")]
    public void Every_mistake_is_said_with_its_place(string text, params string[] expected)
    {
        string[] said = Said(text);
        Assert.True(expected.Length == said.Length, string.Join('\n', said));
        Assert.All(expected.Zip(said), pair => Assert.StartsWith($"f:{pair.First}", pair.Second, StringComparison.Ordinal));
    }

    [Fact]
    public void A_prover_that_is_its_own_verifier_is_a_mistake()
    {
        using PrivateKey own = KeyText.ParsePrivate(Private)!;
        string from = $"ProvisionFrom = {Convert.ToBase64String(own.PublicKey.Bytes)}\nListenPort = 1\nPrivateKey = {Private}\n";
        string said = Said($"[Interface]\nProvision = nitro\n{from}")[1];
        Assert.StartsWith("f:3:1: ProvisionFrom: it is this interface's own", said, StringComparison.Ordinal);
    }

    [Fact]
    public void No_more_is_offered_than_a_prover_takes()
    {
        string hosts = string.Join(", ", Enumerable.Range(2, 17).Select(n => $"203.0.113.{n}"));
        string section = $"[Peer]\nAttest = vsock:16:51821\nAllowedIPs = {hosts}\n{Pcr0}";
        string said = Assert.Single(Said(Verifier + section));
        Assert.Equal("f:6:1: Attest: more than 16 addresses would be offered: name with OfferAddress those that matter", said);
        Assert.Empty(Said($"{Verifier}{section}OfferAddress = 203.0.113.2/24\n"));
        string many = string.Join(", ", Enumerable.Range(0, 65).Select(n => $"10.{n}.0.0/16"));
        said = Assert.Single(Said($"{Good}OfferAllowedIPs = {many}\n"));
        Assert.StartsWith("f:9:1: OfferAllowedIPs: more than 64 allowed IPs would be offered", said, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_is_read_back() =>
        Gen.Select(
            Gen.Select(Gen.Int[0, 31], Gen.Int[2, 4], Gen.Byte[1, 255]).Array[0, 6],
            Gen.Select(Gen.ULong, Gen.ULong, Gen.Int[0, 128]).Array[1, 16],
            Gen.Select(Gen.UInt, Gen.Int[0, 32]).Array[1, 64],
            Gen.Int[1280, 1500].Nullable(),
            Gen.UInt[3, uint.MaxValue - 1],
            Gen.Bool)
        .Sample((pcrs, addresses, allowed, mtu, cid, allowsDebug) =>
        {
            StringBuilder text = new($"{Head}[Peer]\nAllowedIPs = ::/0\nAttest = vsock:{cid}:51821\n");
            PcrPin[] pins =
            [
                new PcrPin(0, Convert.FromHexString(Hash)),
                .. pcrs.Select(pcr => new PcrPin(pcr.Item1, Enumerable.Repeat(pcr.Item3, 16 * pcr.Item2).ToArray())),
            ];
            InterfaceAddress[] offered =
            [
                .. addresses.Select(one => new InterfaceAddress(new UInt128(one.Item1, one.Item2), (byte)one.Item3, true)),
            ];
            IpPrefix[] prefixes = [.. allowed.Select(one => IpPrefix.IPv4(one.Item1, one.Item2))];
            foreach (PcrPin pin in pins)
                text.Append(CultureInfo.InvariantCulture, $"PCR{pin.Index} = {Convert.ToHexString(pin.Value.Span)}\n");
            text.Append(CultureInfo.InvariantCulture, $"OfferAddress = {string.Join(", ", offered)}\n");
            text.Append(CultureInfo.InvariantCulture, $"OfferAllowedIPs = {string.Join(", ", prefixes)}\n");
            text.Append(mtu is null ? "" : $"OfferMTU = {mtu}\n").Append($"AttestDebug = {(allowsDebug ? "yes" : "no")}\n");

            using TunnelSettings settings = Settings(text.ToString());
            AttestSettings read = settings.Peers[0].Attest!;
            Assert.Equal(new TransportAddress(NetworkKind.Vsock, "", cid, 51821), read.Address);
            Assert.Equal(pins, read.Pins);
            Assert.Equal(offered, read.Offer.Addresses);
            Assert.Equal(prefixes, read.Offer.AllowedIps);
            Assert.Equal(mtu, read.Offer.Mtu);
            Assert.Equal(allowsDebug, read.AllowsDebug);
        });
}
