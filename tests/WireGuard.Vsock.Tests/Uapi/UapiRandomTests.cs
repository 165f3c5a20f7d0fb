using System.Globalization;
using System.Text;
using CsCheck;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>Whatever is sent, nothing throws; whatever is told, wg(8) can read.</summary>
public sealed class UapiRandomTests
{
    private static readonly string[] Pieces =
    [
        "set=1\n", "get=1\n", "set=1\n\n", "get=1\n\n", "\n", "\n\n", "=", "\r", "\0", "\u00ff", "x", "true", "-1", "65536", " ",
        $"private_key={PrivateHex}\n", $"private_key={Zero}\n", "private_key=", PrivateHex, "listen_port=1\n", "listen_port=",
        "fwmark=\n", "fwmark=7\n", "replace_peers=true\n", $"public_key={Peer1}\n", $"public_key={Peer2}\n", "public_key=",
        $"preshared_key={PresharedHex}\n", "preshared_key=", "endpoint=vm(6):1\n", "endpoint=", "status=1\n",
        "endpoint_name=a.example:1\n", "endpoint_name=", "endpoint=6:1 to-host\n", "handshake=1\n",
        "persistent_keepalive_interval=25\n", "persistent_keepalive_interval=",
        "replace_allowed_ips=true\n", "allowed_ip=10.0.0.0/8\n", "allowed_ip=-::/0\n", "allowed_ip=",
        "update_only=true\n", "remove=true\n", "protocol_version=1\n",
        "provision=nitro\n", "provision=\n", "provision_port=51821\n", "provision_port=", "awaited=vsock:16:1 no answer yet\n",
        "awaited=", "attest=vsock:16:1\n", "attest=", "attested_at=5\n", "attested_at=", "attested_module=i-0abc\n",
        $"attested_pcr=0:{Peer1}\n", "attested_pcr=", "provisioned_at=7\n", "provisioned_at=",
    ];

    [Fact]
    public void Random_bytes_never_throw() =>
        Gen.Byte.Array[0, 6000].Array[0, 4].Sample(
            pieces =>
            {
                using UapiParser parser = NewParser();
                foreach (byte[] piece in pieces)
                {
                    parser.Append(piece);
                    Assert.All(TakeAll(parser), AssertConsistent);
                }
            },
            iter: 2_000);

    [Fact]
    public void Random_requests_never_throw_and_are_the_same_in_random_pieces() =>
        Gen.Select(Gen.Int[0, Pieces.Length - 1].Array[0, 40], Gen.Int[1, 50]).Sample(
            (choices, size) =>
            {
                string text = string.Concat(choices.Select(i => Pieces[i]));
                byte[] bytes = Encoding.Latin1.GetBytes("set=1\n" + text);
                List<UapiRequest> whole = Parse("set=1\n" + text);
                Assert.All(whole, AssertConsistent);

                using UapiParser parser = NewParser();
                var inPieces = new List<UapiRequest>();
                foreach (byte[] piece in bytes.Chunk(size))
                {
                    parser.Append(piece);
                    inPieces.AddRange(TakeAll(parser));
                }

                Assert.Equal(whole.ConvertAll(Describe), inPieces.ConvertAll(Describe));
                foreach (UapiRequest request in whole.Concat(inPieces))
                    request.Change?.Dispose();
            },
            iter: 5_000);

    [Fact]
    public void A_good_request_with_one_byte_changed_never_throws()
    {
        byte[] good = Encoding.ASCII.GetBytes(
            $"set=1\nprivate_key={PrivateHex}\nlisten_port=1\npublic_key={Peer1}\nendpoint=vm(6):1\nallowed_ip=10.0.0.0/8\n\n");
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Sample((position, value) =>
        {
            byte[] bytes = [.. good];
            bytes[position] = value;
            using UapiParser parser = NewParser();
            parser.Append(bytes);
            Assert.All(TakeAll(parser), AssertConsistent);
        });
    }

    [Fact]
    public void Every_status_is_read_back_by_the_rules_of_wg() =>
        Gen.Select(GenPeer.Array[0, 5], Gen.UShort, Gen.UInt, Gen.Byte.Array[32]).Sample((peers, port, mark, key) =>
        {
            using var privateKey = new PrivateKey(key);
            string text = UapiWriterTests.Write(
                new DeviceStatus { PrivateKey = privateKey, ListenPort = port, FirewallMark = mark, Peers = peers });
            WgReader read = WgReader.Read(text);
            Assert.Equal(Hex(privateKey.Bytes), read.Device["private_key"]);
            Assert.Equal(Text(port), read.Device.GetValueOrDefault("listen_port", "0"));
            Assert.Equal(Text(mark), read.Device.GetValueOrDefault("fwmark", "0"));
            Assert.Equal(peers.Length, read.Peers.Count);
            for (int i = 0; i < peers.Length; i++)
                AssertEqual(peers[i], read.Peers[i], read.AllowedIps[i]);
        });

    private static Gen<PeerStatus> GenPeer { get; } =
        from publicKey in Gen.Byte.Array[32]
        from presharedKey in Gen.Byte.Array[32]
        from endpoint in GenEndpoint
        from seconds in Gen.UInt
        from nanoseconds in Gen.UInt[0, 999_999_999]
        from sent in Gen.ULong
        from received in Gen.ULong
        from keepalive in Gen.UShort
        from allowedIps in GenPrefix.Array[0, 4]
        select new PeerStatus
        {
            PublicKey = new PublicKey(publicKey),
            PresharedKey = presharedKey[0] < 64 ? null : new PresharedKey(presharedKey),
            Endpoint = endpoint,
            LastHandshakeSeconds = seconds,
            LastHandshakeNanoseconds = nanoseconds,
            TxBytes = sent,
            RxBytes = received,
            PersistentKeepalive = keepalive,
            AllowedIps = allowedIps,
        };

    private static Gen<EndpointAddress?> GenEndpoint =>
        Gen.Select(Gen.Int[0, 3], Gen.ULong, Gen.ULong, Gen.UInt).Select(EndpointAddress? (kind, high, low, port) => kind switch
        {
            0 => null,
            1 => EndpointAddress.IPv4((uint)low, (ushort)port),
            2 => EndpointAddress.IPv6(new UInt128(high, low), (ushort)port),
            _ => EndpointAddress.Vsock((uint)low, port),
        });

    private static Gen<IpPrefix> GenPrefix =>
        Gen.Select(Gen.Bool, Gen.ULong, Gen.ULong, Gen.Int[0, 128]).Select((isIPv6, high, low, length) =>
            isIPv6 ? IpPrefix.IPv6(new UInt128(high, low), length) : IpPrefix.IPv4((uint)low, length / 4));

    private static void AssertEqual(PeerStatus peer, Dictionary<string, string> read, List<string> allowedIps)
    {
        Assert.Equal(peer.PublicKey.ToHex(), read["public_key"]);
        Assert.Equal(peer.PresharedKey is null ? Zero : Hex(peer.PresharedKey.Bytes), read["preshared_key"]);
        Assert.Equal(peer.Endpoint?.ToUapi(), read.GetValueOrDefault("endpoint"));
        Assert.Equal(Text(peer.LastHandshakeSeconds), read["last_handshake_time_sec"]);
        Assert.Equal(Text(peer.LastHandshakeNanoseconds), read["last_handshake_time_nsec"]);
        Assert.Equal(Text(peer.TxBytes), read["tx_bytes"]);
        Assert.Equal(Text(peer.RxBytes), read["rx_bytes"]);
        Assert.Equal(Text(peer.PersistentKeepalive), read["persistent_keepalive_interval"]);
        Assert.Equal(peer.AllowedIps.Select(prefix => prefix.ToString()), allowedIps);
    }

    private static void AssertConsistent(UapiRequest request)
    {
        Assert.Equal(request.Kind == UapiRequestKind.Set, request.Change is not null);
        bool isError = request.Kind is UapiRequestKind.Invalid or UapiRequestKind.Fatal;
        Assert.Equal(isError, request.Message.Length > 0);
        Assert.Equal(isError, request.Errno > 0 || request.Message.StartsWith("none of get=1,", StringComparison.Ordinal));
        Assert.DoesNotContain(PrivateHex[..16], request.Message, StringComparison.Ordinal);
    }

    private static string Text<T>(T number)
        where T : IFormattable => number.ToString(null, CultureInfo.InvariantCulture);
}
