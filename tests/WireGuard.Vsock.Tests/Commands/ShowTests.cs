using System.Text;
using System.Text.Json;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Commands;

/// <summary>What is shown of a device whose every field is known; e2e tests compare it with wg itself.</summary>
public sealed class ShowTests : IDisposable
{
    private const ulong Now = 1_700_000_100;

    private readonly DeviceStatus _device = new()
    {
        PrivateKey = new PrivateKey(Convert.FromHexString(PrivateHex)),
        ListenPort = 51820,
        FirewallMark = 0x1234,
        Peers =
        [
            new PeerStatus { PublicKey = new PublicKey(Convert.FromHexString(Peer1)) },
            new PeerStatus
            {
                PublicKey = new PublicKey(Convert.FromHexString(Peer2)),
                PresharedKey = new PresharedKey(Convert.FromHexString(PresharedHex)),
                EndpointText = "192.0.2.1:1000",
                LastHandshakeSeconds = Now - 63,
                RxBytes = 2048,
                TxBytes = 100,
                PersistentKeepalive = 25,
                AllowedIps = [Prefix("10.0.0.0/8"), Prefix("::102:304/128")],
            },
        ],
    };

    private static string PrivateBase64 => Base64("e8" + PrivateHex[2..]);

    public void Dispose() => _device.WipeKeys();

    [Fact]
    public void People_see_the_newest_handshake_first_and_no_secret()
    {
        Assert.Equal(
            $"""
            interface: wg0
              public key: {Convert.ToBase64String(_device.PrivateKey!.PublicKey.Bytes)}
              private key: (hidden)
              listening port: 51820
              fwmark: 0x1234

            peer: {Base64(Peer2)}
              preshared key: (hidden)
              endpoint: 192.0.2.1:1000
              allowed ips: 10.0.0.0/8, ::1.2.3.4/128
              latest handshake: 1 minute, 3 seconds ago
              transfer: 2.00 KiB received, 100 B sent
              persistent keepalive: every 25 seconds

            peer: {Base64(Peer1)}
              allowed ips: (none)

            """,
            Text(to => new ShowText(to, default, Now).Write("wg0", _device)));
    }

    [Theory]
    [InlineData("listen-port", "51820\n", "wg0\t51820\n")]
    [InlineData("fwmark", "0x1234\n", "wg0\t0x1234\n")]
    [InlineData("peers", "$1\n$2\n", "wg0\t$1\nwg0\t$2\n")]
    [InlineData("endpoints", "$1\t(none)\n$2\t192.0.2.1:1000\n", "wg0\t$1\t(none)\n$2\t192.0.2.1:1000\n")]
    [InlineData(
        "allowed-ips", "$1\t(none)\n$2\t10.0.0.0/8 ::1.2.3.4/128\n", "wg0\t$1\t(none)\nwg0\t$2\t10.0.0.0/8 ::1.2.3.4/128\n")]
    [InlineData("latest-handshakes", "$1\t0\n$2\t1700000037\n", "wg0\t$1\t0\nwg0\t$2\t1700000037\n")]
    [InlineData("transfer", "$1\t0\t0\n$2\t2048\t100\n", "wg0\t$1\t0\t0\nwg0\t$2\t2048\t100\n")]
    [InlineData("persistent-keepalive", "$1\toff\n$2\t25\n", "wg0\t$1\toff\nwg0\t$2\t25\n")]
    [InlineData("preshared-keys", "$1\t(none)\n$2\t$p\n", "wg0\t$1\t(none)\nwg0\t$2\t$p\n")]
    [InlineData("private-key", "$k\n", "wg0\t$k\n")]
    [InlineData(
        "dump",
        "$k\t$q\t51820\t0x1234\n$1\t(none)\t(none)\t(none)\t0\t0\t0\toff\n"
            + "$2\t$p\t192.0.2.1:1000\t10.0.0.0/8,::1.2.3.4/128\t1700000037\t2048\t100\t25\n",
        "wg0\t$k\t$q\t51820\t0x1234\nwg0\t$1\t(none)\t(none)\t(none)\t0\t0\t0\toff\n"
            + "wg0\t$2\t$p\t192.0.2.1:1000\t10.0.0.0/8,::1.2.3.4/128\t1700000037\t2048\t100\t25\n")]
    public void Programs_see_tabs_between_columns(string field, string one, string all)
    {
        Assert.Equal(Filled(one), Text(to => ShowFields.Write(to, field, _device, null)));
        Assert.Equal(Filled(all), Text(to => ShowFields.Write(to, field, _device, "wg0")));
    }

    [Fact]
    public void A_device_without_anything_says_none()
    {
        Assert.Equal("(none)\t(none)\t0\toff\n", Text(to => ShowFields.Write(to, "dump", new DeviceStatus(), null)));
        Assert.Equal("interface: wg0\n", Text(to => new ShowText(to, default, Now).Write("wg0", new DeviceStatus())));
    }

    [Theory]
    [InlineData(16u, 51820u, false, "0.0.0.16:51820")]
    [InlineData(16u, 65536u, false, "vm(16):65536")]
    [InlineData(2u, 4000000000u, false, "host(2):4000000000")]
    [InlineData(3u, 51820u, true, "vm(3):51820 to-host")]
    public void A_vsock_endpoint_is_a_dotted_quad_where_that_says_all(uint cid, uint port, bool isToHost, string text) =>
        Assert.Equal(text, EndpointText.Of(Peer(EndpointAddress.Vsock(cid, port, isToHost), null)));

    [Fact]
    public void An_endpoint_behind_a_unix_socket_is_shown_in_full() =>
        Assert.Equal("unix:/run/v.sock:51820", EndpointText.Of(Peer(EndpointAddress.Unix("/run/v.sock", 51820), null)));

    [Theory]
    [InlineData("192.0.2.1:1", "192.0.2.1:1")]
    [InlineData("[2001:DB8:0:0::1]:1", "[2001:db8::1]:1")]
    [InlineData("[::ffff:192.0.2.1]:65535", "[::ffff:192.0.2.1]:65535")]
    [InlineData("[fe80::1%lo]:1", "[fe80::1%lo]:1")]
    [InlineData("[fe80::1%1]:1", "[fe80::1%lo]:1")]
    [InlineData("somewhere", "somewhere")]
    [InlineData("a name:5\u001b[31m", "a name:5?[31m")]
    public void An_endpoint_is_shown_as_getnameinfo_writes_it(string said, string shown) =>
        Assert.Equal(shown, EndpointText.Of(Peer(null, said)));

    [Fact]
    public void Only_asked_for_are_secrets_in_json()
    {
        string hidden = Json(showsSecrets: false), shown = Json(showsSecrets: true);
        Assert.DoesNotContain(PrivateBase64, hidden);
        Assert.DoesNotContain(Base64(PresharedHex), hidden);
        JsonElement device = JsonDocument.Parse(shown).RootElement.GetProperty("wg0");
        Assert.Equal(PrivateBase64, device.GetProperty("privateKey").GetString());
        Assert.Equal(51820, device.GetProperty("listenPort").GetInt32());
        Assert.Equal(0x1234, device.GetProperty("fwmark").GetInt32());
        JsonElement peer = device.GetProperty("peers").GetProperty(Base64(Peer2));
        Assert.Equal(Base64(PresharedHex), peer.GetProperty("presharedKey").GetString());
        Assert.Equal(1700000037, peer.GetProperty("latestHandshake").GetInt64());
        Assert.Equal(
            ["10.0.0.0/8", "::1.2.3.4/128"], peer.GetProperty("allowedIps").EnumerateArray().Select(ip => ip.GetString()));
        JsonElement other = device.GetProperty("peers").GetProperty(Base64(Peer1));
        Assert.Equal(["allowedIps"], other.EnumerateObject().Select(field => field.Name));
    }

    [Fact]
    public void At_length_what_only_this_daemon_knows_follows()
    {
        DeviceStatus device = new()
        {
            Details = new DeviceDetails
            {
                Network = NetworkKind.Vsock,
                IsUp = true,
                Mtu = 1420,
                Superpackets = true,
                Version = "0.3.0",
                LocalCid = 3,
                Counters = [new Counter("not_sent", 7), new Counter("garbage_collections", 1)],
            },
            Peers =
            [
                Peer(EndpointAddress.Vsock(16, 4000000000), null) with
                {
                    Details = new PeerDetails
                    {
                        HasSession = true,
                        DroppedPackets = 3,
                        Connections =
                        [
                            new(EndpointAddress.Vsock(16, 4000000000), true, ConnectionUse.Current, 60, 1, 7, 9, 0),
                            new(EndpointAddress.Vsock(16, 77), false, ConnectionUse.Unused, 0, 0, 1, 9, 5),
                        ],
                    },
                },
            ],
        };
        Assert.Equal(
            $"""
            interface: wg0
              network: vsock, this machine is CID 3
              link: up
              mtu: 1420
              superpackets: on
              version: 0.3.0
              dropped: 7 to send, but the network did not take it

            peer: {Base64(Peer1)}
              endpoint: vm(16):4000000000
              allowed ips: (none)
              session: yes
              superpackets: off
              connection: vm(16):4000000000, dialled,  1 minute ago, 1 reconnect,  7 B received, 9 B sent, 0 B queued, current
              connection: vm(16):77,         accepted, now,          0 reconnects, 1 B received, 9 B sent, 5 B queued, unused
              dropped: 3 packets to this peer

            """,
            Text(to => new ShowText(to, default, Now).Write("wg0", device, new ShowLong(device, default).Write)));
    }

    [Fact]
    public void A_verifier_sees_what_was_attested_and_what_is_awaited()
    {
        AwaitedPeer awaited = new("vsock:17:51821", "connect: Connection refused");
        PeerNote learned = new()
        {
            Attest = "vsock:16:51821",
            AttestedAt = (long)Now - 120,
            Module = "i-0abc-enc0def",
            Pcrs = [new ShownPcr(0, PrivateHex), new ShownPcr(8, PresharedHex)],
        };
        PeerNote unattested = new() { Attest = "tcp:192.0.2.1:51821" };
        DeviceStatus device = With(new DeviceNotes { Awaited = [awaited] }, learned, unattested);
        string expected = $"""
            interface: wg0
              awaited: vsock:17:51821: connect: Connection refused

            peer: {Base64(Peer1)}
              allowed ips: (none)
              attested: 2 minutes ago, module i-0abc-enc0def, vsock:16:51821

            peer: {Base64(Peer1)}
              allowed ips: (none)
              attested: unattested: nothing proves what runs at tcp:192.0.2.1:51821

            """;
        Assert.Equal(expected, Text(to => new ShowText(to, default, Now).Write("wg0", device)));
        string full = Text(to => new ShowText(to, default, Now).Write("wg0", device, new ShowLong(device, default).Write));
        Assert.Contains($"\n  pcr0: {PrivateHex}\n  pcr8: {PresharedHex}\n  session: none\n", full, StringComparison.Ordinal);

        JsonElement json = JsonDocument.Parse(Json(device, showsSecrets: false)).RootElement.GetProperty("wg0");
        Assert.Equal(
            """[{"address":"vsock:17:51821","reason":"connect: Connection refused"}]""",
            JsonSerializer.Serialize(json.GetProperty("awaited")));
        IEnumerable<JsonElement> all = json.GetProperty("peers").EnumerateObject().Select(peer => peer.Value);
        JsonElement[] peers = [.. all.Select(peer => peer.GetProperty("attestation"))];
        Assert.Equal(
            """
            {"address":"vsock:16:51821","attested":true,"time":1699999980,"module":"i-0abc-enc0def","pcrs":{"0":"1","8":"2"}}
            """.Replace("\"1\"", $"\"{PrivateHex}\"").Replace("\"2\"", $"\"{PresharedHex}\""),
            JsonSerializer.Serialize(peers[0]));
        Assert.Equal("""{"address":"tcp:192.0.2.1:51821","attested":false,"pcrs":{}}""", JsonSerializer.Serialize(peers[1]));
    }

    [Theory]
    [InlineData("nitro", "nitro, port 51821")]
    [InlineData("unattested", "unattested, port 51821: nothing proves what runs here")]
    public void A_prover_sees_how_it_is_provisioned(string kind, string shown)
    {
        DeviceStatus device = With(
            new DeviceNotes { Provision = kind, ProvisionPort = 51821 }, new PeerNote { ProvisionedAt = (long)Now - 180 });
        Assert.Equal(
            $"""
            interface: wg0
              provision: {shown}

            peer: {Base64(Peer1)}
              allowed ips: (none)
              provisioned: 3 minutes ago

            """,
            Text(to => new ShowText(to, default, Now).Write("wg0", device)));
        JsonElement json = JsonDocument.Parse(Json(device, showsSecrets: false)).RootElement.GetProperty("wg0");
        Assert.Equal(kind, json.GetProperty("provision").GetString());
        Assert.Equal(51821, json.GetProperty("provisionPort").GetInt32());
        JsonElement peer = json.GetProperty("peers").GetProperty(Base64(Peer1));
        Assert.Equal((long)Now - 180, peer.GetProperty("provisionedAt").GetInt64());
        Assert.False(peer.TryGetProperty("attestation", out _));
    }

    private static DeviceStatus With(DeviceNotes notes, params PeerNote[] peers) => new()
    {
        Details = new DeviceDetails { Network = NetworkKind.Vsock, Version = "0.5.0", Notes = notes },
        Peers = [.. peers.Select(note => Peer(null, null) with { Details = new PeerDetails { Note = note } })],
    };

    private static PeerStatus Peer(EndpointAddress? endpoint, string? text) =>
        new() { PublicKey = new PublicKey(Convert.FromHexString(Peer1)), Endpoint = endpoint, EndpointText = text };

    private static IpPrefix Prefix(string text) =>
        IpPrefix.TryParse(text, out IpPrefix prefix) ? prefix : throw new FormatException();

    private static string Base64(string hex) => Convert.ToBase64String(Convert.FromHexString(hex));

    private string Filled(string text) => text.Replace("$1", Base64(Peer1)).Replace("$2", Base64(Peer2))
        .Replace("$p", Base64(PresharedHex)).Replace("$k", PrivateBase64)
        .Replace("$q", Convert.ToBase64String(_device.PrivateKey!.PublicKey.Bytes));

    private static string Text(Action<SecretText> write)
    {
        using SecretText text = new();
        write(text);
        return Encoding.UTF8.GetString(text.Bytes);
    }

    private string Json(bool showsSecrets) => Json(_device, showsSecrets);

    private static string Json(DeviceStatus device, bool showsSecrets) => Text(to =>
    {
        using Utf8JsonWriter json = new(to, ShowJson.Options);
        json.WriteStartObject();
        ShowJson.Write(json, "wg0", device, showsSecrets);
        json.WriteEndObject();
    });
}
