using WireGuard.Vsock.Config;
using static WireGuard.Vsock.Tests.Config.ConfigText;

namespace WireGuard.Vsock.Tests.Config;

/// <summary>Each mistake and warning, alone in a file that is right but for it.</summary>
public sealed class ConfigReaderErrorTests
{
    private const string Short = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBm=";

    [Theory]
    // Lines and sections
    [InlineData("", "1:1: there is no [Interface]: begin the file with that line")]
    [InlineData(Head + "[Peer\nPublicKey=" + Peer1 + "\nAllowedIPs=", "3:1: no such section: did you mean [Peer]?")]
    [InlineData("[Interfac]\nPreUp=x\nMTU=1\n", "1:1: no such section: did you mean [Interface]?", "3:5: MTU: 1 is less than 68")]
    [InlineData(Head + "[Network]\nMTU=x\n", "3:1: no such section: there are [Interface] and [Peer]")]
    [InlineData("MTU = 1420\n[Interface]\nPostUp = x", "1:1: MTU: it stands before any section: put [Interface] above it")]
    [InlineData("Endpoint = 1\n[Interface]\nPostUp = x", "1:1: Endpoint: it stands before any section: put [Peer] above it")]
    [InlineData(Head + "[Interface]\n", "3:1: a second [Interface]: move its lines to the first, on line 1")]
    [InlineData(Head + "[Peer] x\nPublicKey=" + Peer1 + "\nAllowedIPs=", "3:7: only a # comment may follow [Peer]")]
    [InlineData(Head + "MTU 1420\n", "3:1: MTU: there is no '=': a line is MTU = VALUE")]
    [InlineData(Head + "hello\n", "3:1: there is no '=': a line is KEY = VALUE")]
    [InlineData(Head + "  = 5\n", "3:3: what precedes the '=' is no key")]
    [InlineData(Head + "MTU = \n", "3:1: MTU: it is empty: give it a value, or delete the line")]
    [InlineData(Head + "DNS =\n", "3:1: DNS: warning: it is empty, and does nothing")]
    [InlineData(Head + "MTU = 14\u000020\n", "3:9: the control character U+0000: save the file as plain text")]
    [InlineData(Head + "PostUp = a\rb\n", "3:11: the control character U+000D")]
    [InlineData(Head + "PostUp = \uFFFD\n", "3:10: bytes that are not UTF-8")]
    // Keys
    [InlineData(Head + "Adress = 10.0.0.1\n", "3:1: Adress: no such key: did you mean Address?")]
    [InlineData(Head + "\tmut = 1420\n", "3:2: mut: no such key: did you mean MTU?")]
    [InlineData(Head + "Port = 51820\n", "3:1: Port: no such key: did you mean ListenPort?")]
    [InlineData(Head + "Jc = 4\n", "3:1: Jc: no such key: see wireguard-vsock.conf(5)")]
    [InlineData(Head + "ExcludedApplications = a", "3:1: ExcludedApplications: no such key: see wireguard-vsock.conf(5)")]
    [InlineData(Head + "xTIBAboUvnHhtodjbeqQ = a", "3:1: what precedes the '=' is no key")]
    [InlineData(Head + "PrivateKeyxTIBAboUvnHhtodjbeqQ = a", "3:1: no such key: did you mean PrivateKey?")]
    [InlineData(Head + "AllowedIPs = ::/0\n", "3:1: AllowedIPs: it belongs in [Peer]: move it there")]
    [InlineData(Head + Peer + "Address = 10.0.0.1\n", "6:1: Address: it belongs in [Interface]: move it there")]
    [InlineData(Head + "MTU = 1420\nmtu = 1400\n", "4:1: MTU: it is given on line 3 already: keep one of the two")]
    [InlineData(Head + Peer + "PublicKey = " + Peer2, "6:1: PublicKey: it is given on line 4 already")]
    // Values of [Interface]
    [InlineData("[Interface]\nPrivateKey = " + Short, "2:14: PrivateKey: it is not 44 characters of base64")]
    [InlineData("[Interface]\nPrivateKey = " + Zero, "2:14: PrivateKey: it is all zero, which is no key")]
    [InlineData("[Interface]\nAddress = 10.0.0.1", "1:1: PrivateKey: warning: there is none, and no hook to set it")]
    [InlineData(Head + "PrivateKeyFile = k", "3:1: PrivateKeyFile: there is PrivateKey on line 2 too: keep one of the two")]
    [InlineData("[Interface]\nPrivateKeyFile = " + Private, "2:18: PrivateKeyFile: this is a key, not a file: write Pri")]
    [InlineData(Head + "ListenPort = 65536", "3:14: ListenPort: '65536' is no number from 0 to 65535")]
    [InlineData(Head + "FwMark = 0x100000000", "3:10: FwMark: '0x100000000' is neither off nor a number to 4294967295")]
    [InlineData(Head + "Address = 10.0.0.1/24, 10.0.0.256", "3:24: Address: '10.0.0.256' is no IP address")]
    [InlineData(Head + "Address = 10.0.0.1/33", "3:11: Address: '10.0.0.1/33' is no IP address")]
    [InlineData(Head + "Address = 10.0.0.1/24\nAddress = 10.0.0.1/24", "4:11: Address: 10.0.0.1/24 is given already")]
    [InlineData(Head + "Address = fd00::1/64, fd00::1/128", "3:23: Address: fd00::1 is given already: delete it here")]
    [InlineData(Head + "Address = 10.0.0.1/010", "3:11: Address: '10.0.0.1/010' is no IP address")]
    [InlineData(Head + "DNS = fe80::1%x;y, fe80::1%", "3:7: DNS: 'fe80::1%x;y' is no IP", "3:20: DNS: 'fe80::1%' is no IP")]
    [InlineData(Head + "DNS = ~", "3:7: DNS: '~' is neither a server's IP address nor a search domain")]
    [InlineData(Head + "DNS = 10.0.0.1, 10.0.0.300", "3:17: DNS: '10.0.0.300' is no IP address")]
    [InlineData(Head + "DNS = ex!ample", "3:7: DNS: 'ex!ample' is neither a server's IP address nor a search domain")]
    [InlineData(Head + "MTU = big", "3:7: MTU: 'big' is no number")]
    [InlineData(Head + "MTU = 67", "3:7: MTU: 67 is less than 68")]
    [InlineData(Head + "MTU = 1279\nAddress = fd00::1/64", "3:7: MTU: 1279 is less than 1280, IPv6's least")]
    [InlineData(Head + "MTU = 65499", "3:7: MTU: 65499 is more than a message over vsock can carry: at most 65498")]
    [InlineData(Head + "Table = 0", "3:9: Table: '0' is neither auto, off nor the number of a table, from 1")]
    [InlineData(Head + "Table = 010", "3:9: Table: '010' begins with a zero, which ip(8) takes for octal")]
    [InlineData(Head + "MTU = 01420", "3:7: MTU: '01420' is no number")]
    [InlineData(Head + "Table = vpn", "3:9: Table: 'vpn' is neither auto, off nor the number")]
    [InlineData(Head + "SaveConfig = yes", "3:14: SaveConfig: 'yes' is neither true nor false")]
    [InlineData(Head + "SaveConfig = true", "3:14: SaveConfig: warning: wireguard-vsock never writes this file")]
    [InlineData(
        Head + "Network = quic",
        "3:11: Network: 'quic' is no network: one of vsock, tcp, tcp4, tcp6, udp, udp4, udp6, unix")]
    [InlineData(Head + "Streams = 0", "3:11: Streams: '0' is no number from 1 to 8")]
    [InlineData(Head + "Streams = 9", "3:11: Streams: '9' is no number from 1 to 8")]
    [InlineData(Head + "Streams = 2\nNetwork = udp", "3:1: Streams: udp has no streams: delete the line")]
    [InlineData(Head + "Superpackets = maybe", "3:16: Superpackets: 'maybe' is neither on nor off")]
    [InlineData(Head + "SocketMode = 666", "3:14: SocketMode: '666': it would let every user read the private key")]
    [InlineData(Head + "SocketMode = " + Peer1, "3:14: SocketMode: this: no mode: three octal digits")]
    [InlineData(Head + "Metrics = 192.0.2.1:9586", "3:11: Metrics: '192.0.2.1:9586': metrics are for this machine alone")]
    [InlineData(Head + "MetricsAllowedIPs = all", "3:21: MetricsAllowedIPs: 'all' is neither on nor off")]
    [InlineData(Head + "Sandbox = no", "3:11: Sandbox: 'no' is neither on nor off")]
    [InlineData(Head + "PostUp = echo '#'", "3:10: PostUp: warning: it ends at the '#', as in wg-quick")]
    // Values of [Peer]
    [InlineData(Head + "[Peer]\nAllowedIPs =", "3:1: PublicKey: this [Peer] has none: add the other machine's")]
    [InlineData(Head + "[Peer]\nPublicKey = abc\nAllowedIPs =", "4:13: PublicKey: it is not 44 characters of base64")]
    [InlineData(Head + "[Peer]\nPublicKey = " + Zero + "\nAllowedIPs =", "4:13: PublicKey: it is all zero")]
    [InlineData(Head + Peer + "[Peer]\nPublicKey=" + Peer1 + "\nAllowedIPs=", "7:11: PublicKey: line 4 has the same")]
    [InlineData(Head + "[Peer]\nPublicKey = " + Peer1, "3:1: AllowedIPs: warning: this [Peer] has none")]
    [InlineData(Head + Peer + "PresharedKey = " + Short, "6:16: PresharedKey: it is not 44 characters of base64")]
    [InlineData(Head + Peer + "PresharedKey = generate", "6:16: PresharedKey: both machines need the same")]
    [InlineData(Head + Peer + "PresharedKey = " + Zero, "6:16: PresharedKey: warning: it is all zero, which means none")]
    [InlineData(Head + Peer + "PresharedKeyFile = k\nPresharedKey = " + Preshared, "6:1: PresharedKeyFile: there is Pre")]
    [InlineData(Head + Peer + "PresharedKeyFile = " + Preshared, "6:20: PresharedKeyFile: this is a key, not a file: write Pre")]
    [InlineData(Head + Peer + "Endpoint = " + Preshared, "6:12: Endpoint: this is a key, not ADDRESS:PORT")]
    [InlineData(Head + Peer + "AllowedIPs = 10.0.0.0/33", "6:14: AllowedIPs: '10.0.0.0/33' is no IP address")]
    [InlineData(Head + Peer + "AllowedIPs = 10.0.0.300", "6:14: AllowedIPs: '10.0.0.300' is no IP address")]
    [InlineData(Head + Peer + "AllowedIPs = 10.0.0.3 10.0.0.4", "6:14: AllowedIPs: '10.0.0.3 10.0.0.4' is no IP address")]
    [InlineData(Head + Peer + "AllowedIPs = fd00::/8,", "6:23: AllowedIPs: there is a comma too many")]
    [InlineData(Head + Peer + "AllowedIPs = 10.1.2.3/16", "6:14: AllowedIPs: warning: 10.1.2.3/16 has bits behind its length")]
    [InlineData(
        Head + Peer + "[Peer]\nPublicKey=" + Peer2 + "\nAllowedIPs=10.0.0.2",
        "8:12: AllowedIPs: warning: 10.0.0.2/32 is the peer's of line 5 too: the last one, this, has it alone")]
    [InlineData(Head + Peer + "PersistentKeepalive = 65536", "6:23: PersistentKeepalive: '65536' is no number from 0 to")]
    // Endpoints
    [InlineData(
        Head + Peer + "Endpoint = 192.0.2.1:51820",
        "6:12: Endpoint: warning: 192.0.2.1:51820 is CID 3221225985 over vsock, since no network is said; "
        + "for IP, add to [Interface]: Network = udp (or tcp)")]
    [InlineData(
        Head + Peer + "Endpoint = demo.example.com:51820",
        "6:12: Endpoint: 'demo.example.com:51820': an endpoint of IP, but no network is said: add to [Interface]: Network = udp")]
    [InlineData(Head + Peer + "Endpoint = [fd00::1]:51820", "6:12: Endpoint: '[fd00::1]:51820': an endpoint of IP, but no")]
    [InlineData(
        Head + "Network=vsock\n" + Peer + "Endpoint = [fd00::1]:51820",
        "7:12: Endpoint: '[fd00::1]:51820': an endpoint of IP, but the network is vsock")]
    [InlineData(
        Head + "Network=udp\n" + Peer + "Endpoint = vm(6):51820",
        "7:12: Endpoint: 'vm(6):51820': an endpoint of VSOCK, but the network is udp")]
    [InlineData(
        Head + "Network=tcp\n" + Peer + "Endpoint = 0.0.0.6:51820",
        "7:12: Endpoint: warning: 0.0.0.6:51820 is CID 6 in VSOCK's form, but the network is tcp")]
    [InlineData(
        Head + "Network=udp4\n" + Peer + "Endpoint = [fd00::1]:51820",
        "7:12: Endpoint: '[fd00::1]:51820': an IPv6 address, but the network is udp4: write Network = udp")]
    [InlineData(
        Head + "Network=tcp6\n" + Peer + "Endpoint = 192.0.2.1:51820",
        "7:12: Endpoint: '192.0.2.1:51820': an IPv4 address, but the network is tcp6: write Network = tcp")]
    [InlineData(
        Head + "Network=udp6\n" + Peer + "Endpoint = 0.0.0.6:51820",
        "7:12: Endpoint: '0.0.0.6:51820': an endpoint of VSOCK, but the network is udp6")]
    [InlineData(Head + "Network=udp\n" + Peer + "Endpoint = 192.0.2.1:0", "7:12: Endpoint: port 0 is no port")]
    [InlineData(Head + "Network=udp\n" + Peer + "Endpoint = 192.0.2.300:1", "7:12: Endpoint: '192.0.2.300:1': not an IP")]
    [InlineData(Head + "Network=udp\n" + Peer + "Endpoint = host", "7:12: Endpoint: 'host': not ADDRESS:PORT")]
    [InlineData(Head + Peer + "Endpoint = vm(6)", "6:12: Endpoint: 'vm(6)': not CID:PORT")]
    [InlineData(
        Head + Peer + "Endpoint = unix:/run/v.sock:5",
        "6:12: Endpoint: 'unix:/run/v.sock:5': an endpoint behind a Unix socket, but no network is said: "
        + "add to [Interface]: Network = unix")]
    [InlineData(
        Head + "Network=udp\n" + Peer + "Endpoint = unix:/run/v.sock:5",
        "7:12: Endpoint: 'unix:/run/v.sock:5': an endpoint behind a Unix socket, but the network is udp")]
    [InlineData(
        Head + "Network=vsock\n" + Peer + "Endpoint = unix:/run/v.sock:5",
        "7:12: Endpoint: 'unix:/run/v.sock:5': an endpoint behind a Unix socket, but the network is vsock")]
    [InlineData(
        Head + "Network=unix\n" + Peer + "Endpoint = 192.0.2.1:51820",
        "7:12: Endpoint: '192.0.2.1:51820': an endpoint of IP, but the network is unix: write unix:PATH:PORT")]
    [InlineData(
        Head + "Network=unix\n" + Peer + "Endpoint = vpn.example.com:51820",
        "7:12: Endpoint: 'vpn.example.com:51820': an endpoint of IP, but the network is unix: write unix:PATH:PORT")]
    [InlineData(
        Head + "Network=unix\n" + Peer + "Endpoint = 0.0.0.6:51820",
        "7:12: Endpoint: '0.0.0.6:51820': an endpoint of VSOCK, but the network is unix: write unix:PATH:PORT")]
    [InlineData(
        Head + "Network=unix\n" + Peer + "Endpoint = vm(6):51820",
        "7:12: Endpoint: 'vm(6):51820': an endpoint of VSOCK, but the network is unix: write unix:PATH:PORT")]
    [InlineData(Head + "Network=unix\n" + Peer, "4:1: Endpoint: warning: this [Peer] has none: over unix it can call only")]
    [InlineData(Head + "Network=unix\n" + Peer + "Endpoint = /run/v.sock:5", "7:12: Endpoint: '/run/v.sock:5': not unix:/PATH")]
    [InlineData(Head + "Network=unix\n" + Peer + "Endpoint = unix:/v.sock", "7:12: Endpoint: 'unix:/v.sock': not unix:/PATH:")]
    [InlineData(Head + "Network=unix\n" + Peer + "Endpoint = unix:v.sock:5", "7:12: Endpoint: 'unix:v.sock:5': the path is not")]
    [InlineData(Head + "Network=unix\n" + Peer + "Endpoint = unix:/v.sock:0")] // the guest is only to call
    [InlineData(Head + "Network=unix\n" + Peer + "Endpoint = unix:/a//b:5", "7:12: Endpoint: 'unix:/a//b:5': the path has '//'")]
    public void Every_mistake_is_said_with_its_place(string text, params string[] expected)
    {
        string[] said = Said(text);
        Assert.Equal(expected.Length, said.Length);
        Assert.All(expected.Zip(said), pair => Assert.StartsWith($"f:{pair.First}", pair.Second, StringComparison.Ordinal));
    }

    [Fact]
    public void A_path_that_leaves_no_room_for_a_port_is_told()
    {
        string path = "/run/".PadRight(101, 'v');
        Assert.Empty(Said($"{Head}Network=unix\n{Peer}Endpoint = unix:{path}:5"));
        Assert.Contains(
            "the path has 102 bytes, at most 101 are possible",
            Assert.Single(Said($"{Head}Network=unix\n{Peer}Endpoint = unix:{path}v:5")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void All_mistakes_are_said_at_once_in_the_order_of_their_places()
    {
        string text = "MTU = 5\n[Interface]\nMTU = x\nbogus\nAddress = 1, 2\n[Peer]\nEndpoint = x\nAllowedIPs = 3,4\n[Peer]\n";
        Assert.Equal(
            ["1:1", "2:1", "3:7", "4:1", "5:11", "5:14", "6:1", "7:12", "8:14", "8:16", "9:1", "9:1"],
            Said(text).Select(line => string.Join(':', line.Split(':')[1..3])));
    }

    [Fact]
    public void An_own_key_as_a_peer_is_a_mistake()
    {
        using var own = KeyText.ParsePrivate(Private)!;
        string text = $"{Head}[Peer]\nPublicKey = {Convert.ToBase64String(own.PublicKey.Bytes)}\nAllowedIPs =\n";
        Assert.StartsWith("f:4:13: PublicKey: it is this interface's own", Assert.Single(Said(text)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Private)] // alone on its line
    [InlineData("PrivateKy = " + Private)]
    [InlineData("PrivateKey " + Private)]
    [InlineData("PrivateKey = " + Private + Private)]
    [InlineData("Address = " + Private)]
    [InlineData("DNS = " + Private)]
    [InlineData("MTU = " + Private)]
    [InlineData("PrivateKeyFile = " + Private)]
    [InlineData("[Peer]\nPresharedKeyFile = " + Private)]
    [InlineData("Table = " + Private)]
    [InlineData("Network = " + Private)]
    [InlineData("FwMark = " + Private)]
    [InlineData("SaveConfig = " + Private)]
    [InlineData(Private + " = PrivateKey")]
    [InlineData("[" + Private + "]")]
    [InlineData("[Peer]\nPublicKey = x" + Private)]
    [InlineData("[Peer]\nAllowedIPs = " + Private)]
    [InlineData("[Peer]\nEndpoint = " + Private)]
    [InlineData("[Peer]\nPersistentKeepalive = " + Private)]
    public void A_key_in_a_wrong_place_is_not_shown(string lines)
    {
        string[] said = Said($"[Interface]\n{lines}\n");
        Assert.NotEmpty(said);
        for (int start = 0; start + 8 <= Private.Length; start++)
            Assert.All(said, line => Assert.DoesNotContain(Private.Substring(start, 8), line, StringComparison.Ordinal));
    }

    [Fact]
    public void Diagnostics_are_bounded()
    {
        string[] said = Said(string.Concat(Enumerable.Repeat("x\n", 5000)));
        Assert.Equal(ConfigReader.MaxDiagnostics + 1, said.Length);
        Assert.Contains(said, line => line.EndsWith("and 4001 more like these", StringComparison.Ordinal));
    }
}
