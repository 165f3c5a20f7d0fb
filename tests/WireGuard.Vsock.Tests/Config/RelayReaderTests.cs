using CsCheck;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Relay;
using static WireGuard.Vsock.Tests.Config.ConfigText;

namespace WireGuard.Vsock.Tests.Config;

/// <summary>What a relay is asked, by a file and by arguments.</summary>
public sealed class RelayReaderTests
{
    private const string Rule = "[Relay]\nListen = udp:51820\nTo = vsock:16:51820\n";

    private const string NoListen = "--listen: where to listen? Add --listen udp:51820";
    private const string NoTo = "--to: where to? Add --to ADDRESS, or --peer KEY=ADDRESS";

    private static readonly string[] Pieces =
    [
        "[Relay]\n", "[General]\n", "[Peer]\n", "[", "\n", "=", " = ", "#", "\0", "on", "off", "1", "99999999999", Peer1, Zero,
        "udp:1", "tcp:127.0.0.1:5", "vsock:16:51820", "unix:/a:5", $"{Peer1}=vsock:16:5", "tcp:localhost:5",
        .. RelayKeys.OfRelay.Concat(RelayKeys.OfGeneral).Select(key => $"\n{key} = "),
    ];

    private static readonly string[] Words =
    [
        "", "-", "--", "--listen", "--listen=udp:1", "--to", "--to=tcp:127.0.0.1:1", "--peer", "--raw", "--raw=off", "--idle",
        "5", "--max-connections=0", "--metrics", "--lisen", "udp:1", "vsock:16:51820", $"{Peer1}=vsock:16:5", "a.conf", "\0",
        "\uD800",
    ];

    [Fact]
    public void A_rule_is_read_with_the_usual_limits()
    {
        RelaySettings settings = Settings(Rule);
        RelayRule rule = Assert.Single(settings.Rules);
        Assert.Equal("udp:51820", Assert.Single(rule.Listen).ToString());
        Assert.Equal("vsock:16:51820", rule.To?.ToString());
        Assert.Empty(rule.Peers);
        Assert.False(rule.IsRaw);
        Assert.Equal(new RelayLimits(4096, 1024, 300), settings.Limits);
        Assert.Null(settings.Metrics);
    }

    [Fact]
    public void Many_rules_and_all_keys_are_read()
    {
        RelaySettings settings = Settings($"""
            # all
            [general]
            max connections = 10
            MaxPerSource = 5
            Idle = 60
            Metrics = unix:/run/relay.metrics

            [Relay]
            Listen = udp:51820   # the world
            Listen = tcp:[::1]:443
            Peer = {Peer1}=vsock:16:51820
            Peer = {Peer2} = unix:/run/vm3/v.sock:51820

            [Relay]
            Listen = vsock:80
            To = tcp:files.example.org:80
            Raw = on
            """);
        Assert.Equal(new RelayLimits(10, 5, 60), settings.Limits);
        Assert.Equal("unix:/run/relay.metrics", settings.Metrics?.ToString());
        Assert.Equal(2, settings.Rules.Count);
        Assert.Equal(["udp:51820", "tcp:[::1]:443"], settings.Rules[0].Listen.Select(listen => listen.ToString()));
        Assert.Null(settings.Rules[0].To);
        Assert.Equal(
            [(Peer1, "vsock:16:51820"), (Peer2, "unix:/run/vm3/v.sock:51820")],
            settings.Rules[0].Peers.Select(peer => (Text(peer.Key), peer.To.ToString())));
        Assert.True(settings.Rules[1].IsRaw);
    }

    [Fact]
    public void Arguments_say_the_same_as_a_file()
    {
        RelaySettings settings = FromArguments(
            "--listen", "udp:51820", "--listen=tcp:443", "--peer", $"{Peer1}=vsock:16:51820", $"--peer={Peer2}=vsock:17:51820",
            "--max-connections", "10", "--max-per-source=5", "--idle=60");
        RelaySettings same = Settings(
            $"[Relay]\nListen = udp:51820\nListen = tcp:443\nPeer = {Peer1}=vsock:16:51820\nPeer = {Peer2}=vsock:17:51820\n"
            + "[General]\nMaxConnections = 10\nMaxPerSource = 5\nIdle = 60\n");
        Assert.Equal(same.Limits, settings.Limits);
        Assert.Equal(same.Rules[0].Listen, settings.Rules[0].Listen);
        Assert.Equal(same.Rules[0].Peers, settings.Rules[0].Peers);
        Assert.True(FromArguments("--raw", "--listen", "vsock:80", "--to", "tcp:a.example:80").Rules[0].IsRaw);
    }

    [Theory]
    [InlineData("", "f:1:1: there is no [Relay]: begin the file with that line")]
    [InlineData("[Relay]\nTo = udp:a:1", "f:1:1: Listen: where to listen? Add Listen = udp:51820")]
    [InlineData("[Relay]\nListen = udp:1", "f:1:1: To: where to? Add To = ADDRESS, or Peer = KEY=ADDRESS")]
    [InlineData("[Relay]\nListen = udp:a:1\nTo = udp:b:1", "f:2:10: Listen: 'udp:a:1': a name is no address of this machine: *")]
    [InlineData("[Relay]\nListen = udp:1\nTo = vsock:1", "f:3:6: To: 'vsock:1': which machine? Write vsock:CID:PORT")]
    [InlineData("[Relay]\nListen = udp:1\nListen =\nTo = udp:b:2", "f:3:1: Listen: it is empty: give it a value, or delete *")]
    [InlineData("[Relay]\nListen = udp:1\nTo =", "f:3:1: To: it is empty: give it a value, or delete the line")]
    [InlineData("[Relay]\nListen = udp:1\nTo = udp:b:2\nTo = udp:c:2", "f:4:1: To: it is given on line 3 already: keep one *")]
    [InlineData("[Relay]\nListen = udp:1\nListen = udp:1\nTo = udp:b:2", "f:3:10: Listen: udp:1 is taken on line 2 already: *")]
    [InlineData(Rule + Rule, "f:5:10: Listen: udp:51820 is taken on line 2 already: delete one of the two")]
    [InlineData(Rule + "Raw = on", "f:4:1: Raw: it is for streams, and udp:51820 is none: delete it, or use another network")]
    [InlineData(Rule + "Raw = yes", "f:4:7: Raw: 'yes' is neither on nor off")]
    [InlineData(Rule + $"Peer = {Peer1}=vsock:1:1", "f:4:1: Peer: there is To on line 3 too: *")]
    [InlineData("[Relay]\nListen = udp:1\nPeer = x", "f:3:8: Peer: it does not begin with a public key: *")]
    [InlineData($"[Relay]\nListen = udp:1\nPeer = {Peer1}", "f:3:8: Peer: no address follows the key: *")]
    [InlineData($"[Relay]\nListen = udp:1\nPeer = {Peer1}=", "f:3:8: Peer: no address follows the key: *")]
    [InlineData($"[Relay]\nListen = udp:1\nPeer = {Peer1} vsock:1:1", "f:3:8: Peer: an = is missing before the address: *")]
    [InlineData($"[Relay]\nListen = udp:1\nPeer = {Peer1}vsock:1:1", "f:3:8: Peer: an = is missing before the address: *")]
    [InlineData($"[Relay]\nListen = udp:1\nPeer = {Zero}=vsock:1:1", "f:3:8: Peer: the key is all zero, *")]
    [InlineData($"[Relay]\nListen = udp:1\nPeer = {Peer1}=vsock:1", "f:3:8: Peer: 'vsock:1': which machine? *")]
    [InlineData($"[Relay]\nListen = tcp:1\nRaw = on\nPeer = {Peer1}=vsock:9:1", "f:4:1: Peer: only WireGuard names its peer *")]
    [InlineData($"[Relay]\nListen = udp:1\nPeer = {Peer1}=vsock:9:1\nPeer = {Peer1}=vsock:8:1",
        "f:4:8: Peer: on line 3 is the same key: delete one of the two")]
    [InlineData(Rule + "MTU = 5", "f:4:1: MTU: no such key: see wireguard-vsock.conf(5) for those there are")]
    [InlineData(Rule + "Lisen = 5", "f:4:1: Lisen: no such key: did you mean Listen?")]
    [InlineData(Rule + "Idle = 5", "f:4:1: Idle: it belongs in [General]: move it there")]
    [InlineData(Rule + "[General]\nIdle = 0", "f:5:8: Idle: '0' is no number from 1 to 86400")]
    [InlineData(Rule + "[General]\nMetrics = 192.0.2.1:5", "f:5:11: Metrics: metrics are for this machine alone, *")]
    [InlineData(Rule + "[General]\n[General]", "f:5:1: a second [General]: move its lines to the first, on line 4")]
    [InlineData("Idle = 5\n" + Rule, "f:1:1: Idle: it stands before any section: put [General] above it")]
    [InlineData(Rule + "[Interface]\nMTU = 5", "f:4:1: it is of a tunnel's file: wireguard-vsock up FILE")]
    [InlineData(Rule + "[Rely]\nListen = udp:2\nTo = udp:b:2", "f:4:1: no such section: did you mean [Relay]?")]
    public void What_is_wrong_in_a_file_is_told_with_its_place_and_its_mend(string text, string line)
    {
        string said = Assert.Single(Said(text));
        if (line.EndsWith('*'))
            Assert.StartsWith(line[..^1], said, StringComparison.Ordinal);
        else
            Assert.Equal(line, said);
    }

    [Fact]
    public void All_mistakes_are_told_at_once() => Assert.Equal(4, Said(
        "[Relay]\nListen = udp\nTo = x\n[Relay]\nListen = vsock:9\nTo = vsock:x:1\nRaw = maybe\n").Length);

    [Theory]
    [InlineData("tcp:127.0.0.1:5", "tcp:127.0.0.1:5", true)]
    [InlineData("tcp:5", "tcp:127.0.0.1:5", true)]
    [InlineData("tcp:5", "tcp:localhost:5", true)]
    [InlineData("tcp:127.0.0.1:5", "tcp:localhost:5", true)]
    [InlineData("udp:[::]:5", "udp:[::1]:5", true)]
    [InlineData("vsock:5", "vsock:local(1):5", true)]
    [InlineData("tcp:127.0.0.1:5", "tcp:127.0.0.1:6", false)]
    [InlineData("tcp:127.0.0.1:5", "udp:127.0.0.1:5", false)]
    [InlineData("vsock:5", "vsock:3:5", false)]
    [InlineData("tcp:5", "tcp:192.0.2.1:5", false)]
    [InlineData("unix:/run/v.sock:5", "unix:/run/v.sock:5", false)]
    public void What_comes_back_to_where_it_listens_is_refused(string listen, string to, bool isLoop)
    {
        string[] said = Said($"[Relay]\nListen = {listen}\nTo = {to}\n");
        Assert.Equal(isLoop ? 1 : 0, said.Length);
        Assert.All(said, line => Assert.Contains("messages would go round for ever", line, StringComparison.Ordinal));
    }

    [Fact]
    public void Rules_that_lead_to_each_other_are_refused()
    {
        const string text = "[Relay]\nListen = udp:5\nTo = tcp:[::1]:6\n[Relay]\nListen = tcp:6\nTo = udp:localhost:";
        Assert.Empty(Said(text + "7"));
        Assert.Equal(
        [
            "f:3:6: To: tcp:[::1]:6 comes back to udp:5, on line 2: messages would go round for ever",
            "f:6:6: To: udp:localhost:5 comes back to tcp:6, on line 5: messages would go round for ever",
        ], Said(text + "5"));
    }

    [Theory]
    [InlineData("", NoListen, NoTo)]
    [InlineData("--listen udp:1 --to", "--to: a value follows it: see wireguard-vsock help relay")]
    [InlineData("--lisen udp:1", "there is no option '--lisen': did you mean --listen?",
        "what is 'udp:1'? A file stands alone: relay FILE", NoListen, NoTo)]
    [InlineData("--listen udp:1 --to udp:a:1 --to udp:b:1", "--to: it is given as argument 3 already: keep one of the two")]
    [InlineData("--listen udp:1 --to udp:a:1 --raw",
        "--raw: it is for streams, and udp:1 is none: delete it, or use another network",
        "--raw: it is for streams, and udp:a:1 is none: delete it, or use another network")]
    [InlineData("--listen= --listen udp:1 --to udp:a:1", "--listen: it is empty: give it a value, or delete the option")]
    [InlineData("--listen udp:1 --to udp:a:1 --idle x", "--idle: 'x' is no number from 1 to 86400")]
    [InlineData("relay.conf --listen udp:1 --to udp:a:1", "what is 'relay.conf'? A file stands alone: relay FILE")]
    public void What_is_wrong_with_arguments_is_told(string arguments, params string[] lines)
    {
        RelayResult result = RelayReader.ReadArguments(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Null(result.Settings);
        Assert.Equal(lines, result.Diagnostics.Select(found => found.ToLine()));
    }

    [Fact]
    public void No_key_is_shown()
    {
        string[] said = Said($"[Relay]\nListen = {Private}\nTo = {Private}\nPeer = x{Private}\n");
        Assert.All(said, line => Assert.DoesNotContain(Private, line, StringComparison.Ordinal));
        RelayResult result = RelayReader.ReadArguments(["--listen", Private, $"--{Private}", Private]);
        Assert.All(result.Diagnostics, found => Assert.DoesNotContain(Private, found.ToLine(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Rule, true)]
    [InlineData("# x\n\n [ relay ] \n", true)]
    [InlineData("[General]\n", true)]
    [InlineData(Head, false)]
    [InlineData("", false)]
    [InlineData("[", false)]
    [InlineData("\uFEFF[Relay]", true)]
    public void A_relays_file_is_told_by_its_first_section(string text, bool isRelays) =>
        Assert.Equal(isRelays, RelayReader.IsRelays(text));

    [Fact]
    public void Whatever_the_text_never_an_exception() =>
        Gen.Int[0, Pieces.Length - 1].Array[0, 40].Select(choices => string.Concat(choices.Select(i => Pieces[i]))).Sample(
            text => AssertConsistent(RelayReader.Read(text)), iter: 10_000);

    [Fact]
    public void Whatever_the_arguments_never_an_exception() =>
        Gen.Int[0, Words.Length - 1].Array[0, 10].Select(choices => choices.Select(i => Words[i]).ToArray()).Sample(
            words => AssertConsistent(RelayReader.ReadArguments(words)), iter: 10_000);

    private static void AssertConsistent(RelayResult result)
    {
        Assert.Equal(result.Settings is null, result.Diagnostics.Any(found => !found.IsWarning));
        if (result.Settings is not { } settings)
            return;
        Assert.NotEmpty(settings.Rules);
        Assert.All(settings.Rules, rule => Assert.NotEmpty(rule.Listen));
        Assert.All(settings.Rules, rule => Assert.Equal(rule.To is null, rule.Peers.Count > 0));
    }

    private static RelaySettings Settings(string text)
    {
        RelayResult result = RelayReader.Read(text);
        Assert.Empty(result.Diagnostics.Select(found => found.ToText("f")));
        return result.Settings!;
    }

    private static RelaySettings FromArguments(params string[] words)
    {
        RelayResult result = RelayReader.ReadArguments(words);
        Assert.Empty(result.Diagnostics.Select(found => found.ToLine()));
        return result.Settings!;
    }

    private static string[] Said(string text) => [.. RelayReader.Read(text).Diagnostics.Select(found => found.ToText("f"))];

    private static string Text(PublicKey key) => Convert.ToBase64String(key.Bytes);
}
