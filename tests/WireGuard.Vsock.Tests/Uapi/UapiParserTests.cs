using System.Runtime.CompilerServices;
using System.Text;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>Requests in a stream of bytes: where one ends, what ends the connection, and what is left behind.</summary>
public sealed class UapiParserTests
{
    private const int EINVAL = 22;
    private const int ENOSPC = 28;
    private const int EPROTO = 71;
    private const int EMSGSIZE = 90;

    private static readonly string Conversation =
        $"get=1\n\nset=1\nprivate_key={PrivateHex}\nlisten_port=51820\nfwmark=\n" +
        $"public_key={Peer1}\npreshared_key={PresharedHex}\n" +
        $"endpoint=vm(6):70000\nallowed_ip=10.0.0.0/24\nallowed_ip=-::/0\n\nset=1\nlisten_port=1\nlisten_port=x\nfwmark=2\n\n" +
        $"get=1\nlisten_port=1\n\nset=1\n\nset=1\nnonsense\n\nget=1\n\n" +
        $"set=1\npublic_key={Peer2}\nremove=true\n\nset=2\n\nget=1\n\n";

    private static readonly string[] ConversationKinds =
        ["Get", "Set", "Invalid", "Invalid", "Set", "Invalid", "Get", "Set", "Fatal"];

    [Fact]
    public void A_get_is_one_line_and_an_empty_one()
    {
        UapiRequest request = Assert.Single(Parse("get=1\n\n"));
        Assert.Equal(UapiRequestKind.Get, request.Kind);
        Assert.Equal(0, request.Errno);
        Assert.Null(request.Change);
    }

    [Fact]
    public void One_connection_carries_many_operations()
    {
        Assert.Equal(ConversationKinds, Parse(Conversation).Select(request => request.Kind.ToString()));
    }

    [Fact]
    public void Requests_are_the_same_one_byte_at_a_time()
    {
        List<string> whole = Parse(Conversation).ConvertAll(Describe);
        using UapiParser parser = NewParser();
        var pieces = new List<UapiRequest>();
        foreach (byte piece in Encoding.Latin1.GetBytes(Conversation))
        {
            parser.Append([piece]);
            pieces.AddRange(TakeAll(parser));
        }

        Assert.Equal(whole, pieces.ConvertAll(Describe));
    }

    [Fact]
    public void Requests_are_the_same_at_every_split_point()
    {
        List<string> whole = Parse(Conversation).ConvertAll(Describe);
        byte[] bytes = Encoding.Latin1.GetBytes(Conversation);
        for (int split = 0; split <= bytes.Length; split++)
        {
            using UapiParser parser = NewParser();
            parser.Append(bytes.AsSpan(0, split));
            List<UapiRequest> requests = TakeAll(parser);
            parser.Append(bytes.AsSpan(split));
            requests.AddRange(TakeAll(parser));
            Assert.Equal(whole, requests.ConvertAll(Describe));
        }
    }

    [Fact]
    public void Nothing_is_yielded_before_the_empty_line()
    {
        using UapiParser parser = NewParser();
        parser.Append("set=1\nlisten_port=1\nlisten_port=x\n"u8);
        Assert.False(parser.TryNext(out _));
        parser.Append("\n"u8);
        Assert.True(parser.TryNext(out UapiRequest request));
        Assert.Equal(UapiRequestKind.Invalid, request.Kind);
        Assert.False(parser.TryNext(out _));
    }

    [Fact]
    public void A_connection_that_ends_within_a_request_changes_nothing()
    {
        Assert.Empty(Parse("set=1\nlisten_port=1\n"));
        Assert.Empty(Parse("set=1\nlisten_port=1"));
        Assert.Empty(Parse("get=1\n"));
        Assert.Empty(Parse("get=1"));
        Assert.Empty(Parse(""));
    }

    [Fact]
    public void After_an_error_the_connection_goes_on_with_the_next_request()
    {
        List<UapiRequest> requests = Parse(
            "set=1\nlisten_port=x\nlisten_port=1\nget=1\nset=1\n\nset=1\nlisten_port=2\n\nget=1\n\n");
        Assert.Equal(
            [UapiRequestKind.Invalid, UapiRequestKind.Set, UapiRequestKind.Get], requests.Select(request => request.Kind));
        using DeviceChange change = requests[1].Change!;
        Assert.Equal((ushort)2, change.ListenPort);
    }

    [Fact]
    public void Lines_are_counted_from_each_operation()
    {
        List<UapiRequest> requests = Parse("set=1\nlisten_port=x\n\nset=1\nfwmark=1\nfwmark=x\n\n");
        Assert.StartsWith("line 2: ", requests[0].Message, StringComparison.Ordinal);
        Assert.StartsWith("line 3: ", requests[1].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("listen_port=1")]
    [InlineData("get=1")]
    [InlineData(" ")]
    [InlineData("\r")]
    public void A_get_with_more_lines_is_EINVAL(string line)
    {
        List<UapiRequest> requests = Parse($"get=1\n{line}\n\nget=1\n\n");
        Assert.Equal([UapiRequestKind.Invalid, UapiRequestKind.Get], requests.Select(request => request.Kind));
        Assert.Equal(EINVAL, requests[0].Errno);
        Assert.Equal("line 2: a question takes no keys", requests[0].Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("get")]
    [InlineData("get=")]
    [InlineData("get=0")]
    [InlineData("get=2")]
    [InlineData("get=1 ")]
    [InlineData("get=1\r")]
    [InlineData(" get=1")]
    [InlineData("GET=1")]
    [InlineData("set")]
    [InlineData("set=2")]
    [InlineData("set=1\r")]
    [InlineData("delete=1")]
    [InlineData("listen_port=1")]
    [InlineData("errno=0")]
    [InlineData("GET / HTTP/1.1\r")]
    [InlineData("\0")]
    [InlineData("\u00ff")]
    public void An_unknown_operation_closes_the_connection_without_an_answer(string operation)
    {
        foreach (string before in new[] { "", "get=1\n\n", "set=1\nlisten_port=x\n\n" })
        {
            UapiRequest request = Parse($"{before}{operation}\nget=1\n\nset=1\n\n")[^1];
            Assert.Equal(UapiRequestKind.Fatal, request.Kind);
            Assert.Equal(0, request.Errno);
            Assert.Equal("none of get=1, set=1, status=1, counters=1, handshake=1 and cloned=1", request.Message);
        }
    }

    [Fact]
    public void A_closed_connection_yields_nothing_more()
    {
        using UapiParser parser = NewParser();
        parser.Append("x\n"u8);
        Assert.True(parser.TryNext(out UapiRequest request));
        Assert.Equal(UapiRequestKind.Fatal, request.Kind);
        parser.Append("get=1\n\n"u8);
        Assert.False(parser.TryNext(out _));
    }

    [Fact]
    public void A_line_of_4096_bytes_is_read_and_one_byte_more_is_fatal()
    {
        string longest = "listen_port=" + new string('1', UapiParser.MaxLineBytes - "listen_port=".Length);
        UapiRequest read = Assert.Single(Parse($"set=1\n{longest}\n\n"));
        Assert.Equal((UapiRequestKind.Invalid, EINVAL), (read.Kind, read.Errno));

        foreach (string start in new[] { "set=1\n", "set=1\nx\n", "get=1\n", "" })
        {
            UapiRequest fatal = Assert.Single(Parse($"{start}{longest}1\n\nget=1\n\n"));
            Assert.Equal((UapiRequestKind.Fatal, EMSGSIZE), (fatal.Kind, fatal.Errno));
            Assert.Null(fatal.Change);
        }
    }

    [Fact]
    public void A_line_too_long_is_noticed_before_it_ends()
    {
        using UapiParser parser = NewParser();
        for (int i = 0; i < UapiParser.MaxLineBytes; i++)
            parser.Append("x"u8);
        Assert.False(parser.TryNext(out _));
        parser.Append("x"u8);
        Assert.True(parser.TryNext(out UapiRequest request));
        Assert.Equal((UapiRequestKind.Fatal, EMSGSIZE), (request.Kind, request.Errno));
        Assert.Equal("line 1 is longer than 4096 bytes", request.Message);
    }

    [Fact]
    public void As_many_peers_as_may_be_are_read_and_one_more_is_ENOSPC_at_the_empty_line()
    {
        const int Least = 2 * 65_536;
        foreach (bool exceeds in new[] { false, true })
        {
            using UapiParser parser = NewParser();
            parser.Append("set=1\n"u8);
            byte[] peer = Encoding.ASCII.GetBytes($"public_key={Peer1}\n");
            for (int i = 0; i < Least + (exceeds ? 1 : 0); i++)
                parser.Append(peer);
            Assert.False(parser.TryNext(out _));
            parser.Append("fwmark=1\nnonsense\n\nget=1\n\n"u8);
            Assert.True(parser.TryNext(out UapiRequest request));
            using DeviceChange? change = request.Change;
            // Behind a public_key, fwmark is what is wrong with the other.
            Assert.Equal((UapiRequestKind.Invalid, exceeds ? ENOSPC : EINVAL), (request.Kind, request.Errno));
            Assert.True(parser.TryNext(out request));
            Assert.Equal(UapiRequestKind.Get, request.Kind);
            Assert.True(parser.TakeHasMadeMuch());
            Assert.False(parser.TakeHasMadeMuch());
        }
    }

    [Fact]
    public void Allowed_IPs_are_counted_over_all_peers_and_one_too_many_is_ENOSPC()
    {
        using UapiParser parser = NewParser();
        parser.Append("set=1\n"u8);
        byte[] peer = Encoding.ASCII.GetBytes($"public_key={Peer1}\nallowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\n");
        for (int i = 0; i < SetRequest.MaxAllowedIps + 1; i += 16)
        {
            parser.Append(peer);
            for (int j = 1; j < 16; j++)
                parser.Append("allowed_ip=10.0.0.0/8\n"u8);
        }

        parser.Append("\n"u8);
        Assert.True(parser.TryNext(out UapiRequest request));
        Assert.Equal((UapiRequestKind.Invalid, ENOSPC), (request.Kind, request.Errno));
    }

    [Fact]
    public void What_follows_an_error_is_passed_over_however_long_it_is()
    {
        // After an error lines are passed over in no time.
        using UapiParser parser = NewParser();
        parser.Append("set=1\nx\n"u8);
        byte[] lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("fwmark=\n", 500)));
        for (int i = 0; i < 20_000; i++)
            parser.Append(lines);
        parser.Append("\nget=1\n\n"u8);
        Assert.True(parser.TryNext(out UapiRequest request));
        Assert.Equal((UapiRequestKind.Invalid, EPROTO), (request.Kind, request.Errno));
        Assert.True(parser.TryNext(out request));
        Assert.Equal(UapiRequestKind.Get, request.Kind);
        Assert.False(parser.TakeHasMadeMuch());
    }

    [Fact]
    public void The_network_decides_which_endpoints_are_good()
    {
        string set = $"set=1\npublic_key={Peer1}\nendpoint=[fe80::1%eth0]:5\n\n";
        UapiRequest udp = Assert.Single(Parse(set, NetworkKind.Udp));
        using DeviceChange change = udp.Change!;
        Assert.Equal("[fe80::1%3]:5", change.Peers[0].Endpoint!.Value.ToUapi());
        Assert.Equal(EINVAL, Assert.Single(Parse(set, NetworkKind.Udp4)).Errno);
        Assert.Equal(EINVAL, Assert.Single(Parse(set, NetworkKind.Vsock)).Errno);
        Assert.Equal(EINVAL, Assert.Single(Parse(set, NetworkKind.Unix)).Errno);
    }

    [Fact]
    public void Over_unix_an_endpoint_is_a_path_and_has_no_name()
    {
        string begin = $"set=1\npublic_key={Peer1}\n";
        UapiRequest set = Assert.Single(Parse($"{begin}endpoint=unix:/run/v.sock:51820\n\n", NetworkKind.Unix));
        using DeviceChange change = set.Change!;
        Assert.Equal(EndpointAddress.Unix("/run/v.sock", 51820), change.Peers[0].Endpoint);
        Assert.Equal(
            EINVAL, Assert.Single(Parse($"{begin}endpoint_name=vpn.example.com:5\n\n", NetworkKind.Unix)).Errno);
        // What wg(8) shows of one is none.
        Assert.Equal(EINVAL, Assert.Single(Parse($"{begin}endpoint=0.0.0.0:51820\n\n", NetworkKind.Unix)).Errno);
    }

    [Fact]
    public void Lines_are_wiped_as_soon_as_they_are_read()
    {
        using UapiParser parser = NewParser();
        parser.Append(Encoding.ASCII.GetBytes(
            $"set=1\nprivate_key={PrivateHex}\npublic_key={Peer1}\npreshared_key={PresharedHex}\n"));
        parser.Append("\n"u8);
        AssertWiped(parser);
        Assert.True(parser.TryNext(out UapiRequest request));
        request.Change!.Dispose();
    }

    [Fact]
    public void A_line_that_ends_the_connection_is_wiped_too()
    {
        using UapiParser parser = NewParser();
        parser.Append(Encoding.ASCII.GetBytes($"set=1\nprivate_key={PrivateHex}"));
        parser.Append(new byte[UapiParser.MaxLineBytes]);
        Assert.True(parser.TryNext(out UapiRequest request));
        Assert.Equal(UapiRequestKind.Fatal, request.Kind);
        AssertWiped(parser);
    }

    [Fact]
    public void A_disposed_parser_has_wiped_what_was_begun_and_what_was_waiting()
    {
        UapiParser parser = NewParser();
        parser.Append(Encoding.ASCII.GetBytes(
            $"set=1\nprivate_key={PrivateHex}\n\nset=1\nprivate_key={PrivateHex}\nprivate_key=e84b5a"));
        parser.Dispose();
        AssertWiped(parser);
        Assert.False(parser.TryNext(out _));
        parser.Append("get=1\n\n"u8);
        Assert.False(parser.TryNext(out _));
        parser.Dispose();
    }

    [Fact]
    public void A_refused_request_has_wiped_its_keys()
    {
        using var set = new SetRequest(NetworkKind.Vsock, NoInterface);
        Assert.Null(set.TakeLine($"private_key={PrivateHex}"));
        var key = set.Change.PrivateKey!;
        set.Dispose();
        Assert.Throws<ObjectDisposedException>(() => key.Bytes.Length);
    }

    private static void AssertWiped(UapiParser parser)
    {
        // Nothing was ever written past what is wiped; before that the array holds whatever memory held.
        string line = new(Line(parser));
        foreach (string secret in new[] { PrivateHex, PresharedHex })
        {
            for (int i = 0; i + 6 <= secret.Length; i++)
                Assert.DoesNotContain(secret.Substring(i, 6), line, StringComparison.Ordinal);
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_line")]
    private static extern ref char[] Line(UapiParser parser);
}
