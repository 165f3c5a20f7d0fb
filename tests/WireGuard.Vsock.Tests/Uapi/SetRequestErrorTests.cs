using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>
/// What the keys of https://www.wireguard.com/xplatform/ may not say: an errno, nothing yielded, nothing given away.
/// </summary>
public sealed class SetRequestErrorTests
{
    private const int EINVAL = 22;
    private const int EPROTO = 71;

    public static TheoryData<string> BadDeviceLines() => new(
        "private_key=",
        "private_key=" + PrivateHex[1..],
        "private_key=" + PrivateHex + "0",
        "private_key=" + PrivateHex + " ",
        "private_key=" + PrivateHex + "\r",
        "private_key= " + PrivateHex[1..],
        "private_key=0x" + PrivateHex[2..],
        "private_key=g" + PrivateHex[1..],
        "private_key=\0" + PrivateHex[1..],
        "private_key=\u00e9" + PrivateHex[1..],
        "private_key=6EtabScXwQA6E7QxVwNT26ypFGzxUMX4V1aA/rpSAno=",
        "private_key=0",
        "listen_port=",
        "listen_port=65536",
        "listen_port=-1",
        "listen_port=+1",
        "listen_port= 1",
        "listen_port=1 ",
        "listen_port=1\r",
        "listen_port=1\0",
        "listen_port=0x1",
        "listen_port=01",
        "listen_port=1.0",
        "listen_port=http",
        "listen_port=1=1",
        "fwmark=4294967296",
        "fwmark=-1",
        "fwmark=0x10",
        "fwmark=off",
        "fwmark= ",
        "replace_peers=",
        "replace_peers=false",
        "replace_peers=True",
        "replace_peers=TRUE",
        "replace_peers=1",
        "replace_peers=true ",
        "provision=on",
        "provision=Nitro",
        "provision=nitro ",
        "provision_port=",
        "provision_port=4294967296",
        "awaited=",
        "awaited=vsock:16:1",
        "awaited= reason",
        "awaited=vsock:16:1 ",
        "awaited=vsock:16:1 a\tb",
        "awaited=vsock:16:1 \u00e9",
        // What is not a key of the device.
        "public_key=",
        "public_key=" + Peer1[1..],
        "public_key=" + Peer1 + "0",
        "public_key=z" + Peer1[1..],
        "preshared_key=" + PresharedHex,
        "endpoint=vm(6):51820",
        "persistent_keepalive_interval=5",
        "allowed_ip=10.0.0.0/8",
        "replace_allowed_ips=true",
        "update_only=true",
        "remove=true",
        "protocol_version=1",
        "errno=0",
        "get=1",
        "set=1",
        "Listen_port=1",
        " listen_port=1",
        "listen_port =1",
        "listen-port=1",
        "jc=1",
        "=",
        "=1");

    [Theory]
    [MemberData(nameof(BadDeviceLines))]
    public void A_malformed_device_key_is_EINVAL_and_yields_nothing(string line) =>
        AssertRefused(line, $"set=1\nprivate_key={PrivateHex}\nlisten_port=1\n", EINVAL, lineNumber: 4);

    public static TheoryData<string> BadPeerLines() => new(
        "public_key=",
        "public_key=" + Peer1[2..],
        "public_key=" + Peer1 + Peer1,
        "public_key=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=",
        "preshared_key=",
        "preshared_key=" + PresharedHex[2..],
        "preshared_key=" + PresharedHex + "00",
        "preshared_key=x" + PresharedHex[1..],
        "preshared_key=none",
        "endpoint=",
        "endpoint=vm(3)",
        "endpoint=vm(2):1",
        "endpoint=vm(03):1",
        "endpoint=host(2):",
        "endpoint=host(3):1",
        "endpoint=::1",
        "endpoint=[::1]:5",
        "endpoint=4294967296",
        "endpoint=vm(4294967296):1",
        "endpoint=vm(3):4294967296",
        "endpoint=1.2.3:5",
        "endpoint= vm(3):1",
        "endpoint=vm(3):1\r",
        "endpoint=(none)",
        "persistent_keepalive_interval=",
        "persistent_keepalive_interval=65536",
        "persistent_keepalive_interval=-1",
        "persistent_keepalive_interval=off",
        "persistent_keepalive_interval=25s",
        "persistent_keepalive_interval=2 5",
        "replace_allowed_ips=",
        "replace_allowed_ips=false",
        "replace_allowed_ips=1",
        "allowed_ip=",
        "allowed_ip=-",
        "allowed_ip=--10.0.0.0/8",
        "allowed_ip=+10.0.0.0/8",
        "allowed_ip=10.0.0.0",
        "allowed_ip=10.0.0.0/",
        "allowed_ip=/8",
        "allowed_ip=10.0.0/8",
        "allowed_ip=10.0.0.0/33",
        "allowed_ip=10.0.0.0/-1",
        "allowed_ip=10.0.0.0/08",
        "allowed_ip=10.0.0.0/8 ",
        "allowed_ip=10.0.0.0/8,10.1.0.0/16",
        "allowed_ip=10.0.0.0/255.0.0.0",
        "allowed_ip=::/129",
        "allowed_ip=fe80::1%eth0/64",
        "allowed_ip=(none)",
        "update_only=",
        "update_only=false",
        "update_only=yes",
        "remove=",
        "remove=false",
        "remove=0",
        "protocol_version=",
        "protocol_version=0",
        "protocol_version=2",
        "protocol_version=01",
        "protocol_version=1 ",
        "attest=",
        "attest=a\u001bb",
        "attested_at=",
        "attested_at=-1",
        "attested_at=9223372036854775808",
        "attested_at=now",
        "attested_module=",
        "attested_module=\u00e9",
        "attested_pcr=",
        "attested_pcr=" + Peer1,
        "attested_pcr=:" + Peer1,
        "attested_pcr=32:" + Peer1,
        "attested_pcr=00:" + Peer1,
        "attested_pcr=0:" + Peer1[1..],
        "attested_pcr=0:" + Peer1[1..] + "B",
        "attested_pcr=0:" + Peer1 + Peer1 + Peer1,
        "provisioned_at=1.5",
        // What is not a key of a peer.
        "private_key=" + PrivateHex,
        "listen_port=1",
        "fwmark=1",
        "replace_peers=true",
        "last_handshake_time_sec=0",
        "tx_bytes=0",
        "errno=0",
        "Endpoint=vm(3):1",
        "advanced_security=on",
        "=");

    [Theory]
    [MemberData(nameof(BadPeerLines))]
    public void A_malformed_peer_key_is_EINVAL_and_yields_nothing(string line) =>
        AssertRefused(
            line, $"set=1\nprivate_key={PrivateHex}\npublic_key={Peer2}\npreshared_key={PresharedHex}\n", EINVAL, lineNumber: 5);

    [Theory]
    [InlineData("x")]
    [InlineData(" ")]
    [InlineData("\r")]
    [InlineData("\0")]
    [InlineData("private_key")]
    [InlineData("private_key:1")]
    [InlineData("# comment")]
    [InlineData("[Interface]")]
    [InlineData("\u00c3\u00a9")]
    [InlineData(PresharedHex)]
    public void A_line_without_an_equals_sign_is_EPROTO_and_yields_nothing(string line)
    {
        AssertRefused(line, "set=1\nlisten_port=1\n", EPROTO, lineNumber: 3);
        AssertRefused(line, $"set=1\npublic_key={Peer1}\n", EPROTO, lineNumber: 3);
    }

    [Fact]
    public void Notes_are_bounded()
    {
        string awaited = string.Concat(Enumerable.Repeat("awaited=vsock:16:1 no answer\n", 1024));
        Assert.Equal(1024, ParseSet(awaited).Notes!.Awaited.Count);
        Assert.Equal(EINVAL, Assert.Single(Parse($"set=1\n{awaited}awaited=vsock:16:2 no answer\n\n")).Errno);
        string pcrs = $"public_key={Peer1}\n" + string.Concat(Enumerable.Range(0, 32).Select(i => $"attested_pcr={i}:{Peer1}\n"));
        Assert.Equal(32, ParseSet(pcrs).Peers[0].Note!.Pcrs.Count);
        Assert.Equal(EINVAL, Assert.Single(Parse($"set=1\n{pcrs}attested_pcr=0:{Peer1}\n\n")).Errno);
        string module = $"public_key={Peer1}\nattested_module={new string('m', 512)}";
        Assert.Equal(512, ParseSet(module + "\n").Peers[0].Note!.Module!.Length);
        Assert.Equal(EINVAL, Assert.Single(Parse($"set=1\n{module}m\n\n")).Errno);
    }

    [Fact]
    public void The_first_error_is_the_one_answered()
    {
        UapiRequest request = Assert.Single(Parse("set=1\nlisten_port=x\nnonsense\nfwmark=x\n\n"));
        Assert.Equal(EINVAL, request.Errno);
        Assert.Equal("line 2: listen_port is not a number from 0 to 65535", request.Message);
    }

    [Fact]
    public void No_message_repeats_what_may_be_a_secret()
    {
        const string Base64 = "6EtabScXwQA6E7QxVwNT26ypFGzxUMX4V1aA/rpSAno=";
        string[] lines =
        [
            Base64, PrivateHex, $"{PrivateHex}=",
            $"private_key={Base64}", $"private_key={PrivateHex}f", $"private_key_{PrivateHex}=1",
            $"listen_port={PrivateHex}", $"fwmark={PrivateHex}", $"endpoint={PrivateHex}", $"replace_peers={PrivateHex}",
        ];
        foreach (string line in lines)
        {
            foreach (string before in new[] { "", $"public_key={Peer1}\n" })
            {
                string message = Assert.Single(Parse($"set=1\n{before}{line}\n\n")).Message;
                Assert.NotEqual("", message);
                Assert.DoesNotContain(PrivateHex[..8], message, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain(Base64[..8], message, StringComparison.OrdinalIgnoreCase);
            }
        }
    }

    [Fact]
    public void An_unknown_key_is_named_when_it_is_a_word()
    {
        Assert.Equal("line 2: advanced_security is not a key of the device", Parse("set=1\nadvanced_security=on\n\n")[0].Message);
        Assert.Equal(
            "line 3: advanced_security is not a key of a peer",
            Parse($"set=1\npublic_key={Peer1}\nadvanced_security=on\n\n")[0].Message);
    }

    private static void AssertRefused(string line, string before, int errno, int lineNumber)
    {
        UapiRequest request = Assert.Single(Parse($"{before}{line}\n\n"));
        Assert.Equal(UapiRequestKind.Invalid, request.Kind);
        Assert.Null(request.Change);
        Assert.Equal(errno, request.Errno);
        Assert.StartsWith($"line {lineNumber}: ", request.Message, StringComparison.Ordinal);
    }
}
