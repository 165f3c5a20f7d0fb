using System.Runtime.CompilerServices;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

public sealed class UapiWriterTests
{
    [Fact]
    public void A_device_without_anything_is_a_result_alone() => Assert.Equal("errno=0\n\n", Write(new DeviceStatus()));

    [Fact]
    public void Lines_are_wireguard_gos_in_its_order()
    {
        using var privateKey = new PrivateKey(Convert.FromHexString(PrivateHex));
        using var presharedKey = new PresharedKey(Convert.FromHexString(PresharedHex));
        var status = new DeviceStatus
        {
            PrivateKey = privateKey,
            ListenPort = 12912,
            FirewallMark = 7,
            Peers =
            [
                new PeerStatus
                {
                    PublicKey = Key(Peer1),
                    PresharedKey = presharedKey,
                    Endpoint = EndpointAddress.Vsock(6, 51820),
                    LastHandshakeSeconds = 1700000000,
                    LastHandshakeNanoseconds = 999999999,
                    TxBytes = ulong.MaxValue,
                    RxBytes = 2224,
                    PersistentKeepalive = 65535,
                    AllowedIps = [Prefix("192.168.4.4/32"), Prefix("2001:db8::/32"), Prefix("0.0.0.0/0")],
                },
                new PeerStatus { PublicKey = Key(Peer2) },
            ],
        };
        Assert.Equal(
            $"""
            private_key={PrivateHex}
            listen_port=12912
            fwmark=7
            public_key={Peer1}
            preshared_key={PresharedHex}
            protocol_version=1
            endpoint=0.0.0.6:51820
            last_handshake_time_sec=1700000000
            last_handshake_time_nsec=999999999
            tx_bytes=18446744073709551615
            rx_bytes=2224
            persistent_keepalive_interval=65535
            allowed_ip=192.168.4.4/32
            allowed_ip=2001:db8::/32
            allowed_ip=0.0.0.0/0
            public_key={Peer2}
            preshared_key={Zero}
            protocol_version=1
            last_handshake_time_sec=0
            last_handshake_time_nsec=0
            tx_bytes=0
            rx_bytes=0
            persistent_keepalive_interval=0
            errno=0


            """,
            Write(status));
    }

    [Theory]
    [InlineData(0, "errno=0\n\n")]
    [InlineData(22, "errno=-22\n\n")]
    [InlineData(98, "errno=-98\n\n")]
    [InlineData(int.MaxValue, "errno=-2147483647\n\n")]
    public void A_result_has_the_kernels_sign(int errno, string expected)
    {
        using var writer = new UapiWriter();
        writer.WriteResult(errno);
        Assert.Equal(expected, Encoding.ASCII.GetString(writer.Unsent));
    }

    [Fact]
    public void Answers_follow_one_another_and_go_out_in_pieces()
    {
        using var writer = new UapiWriter();
        writer.WriteResult(22);
        writer.WriteStatus(new DeviceStatus { ListenPort = 5 });
        const string Expected = "errno=-22\n\nlisten_port=5\nerrno=0\n\n";
        var sent = new StringBuilder();
        while (!writer.Unsent.IsEmpty)
        {
            int count = Math.Min(3, writer.Unsent.Length);
            sent.Append(Encoding.ASCII.GetString(writer.Unsent[..count]));
            writer.MarkSent(count);
        }

        Assert.Equal(Expected, sent.ToString());
        writer.WriteResult(0); // and it goes on
        Assert.Equal("errno=0\n\n", Encoding.ASCII.GetString(writer.Unsent));
    }

    [Fact]
    public void More_may_be_written_when_some_has_been_sent()
    {
        using var writer = new UapiWriter();
        writer.WriteResult(22);
        writer.MarkSent(6);
        writer.WriteStatus(ManyPeers(100)); // the buffer grows
        Assert.StartsWith("-22\n\npublic_key=", Encoding.ASCII.GetString(writer.Unsent), StringComparison.Ordinal);
        Assert.EndsWith("errno=0\n\n", Encoding.ASCII.GetString(writer.Unsent), StringComparison.Ordinal);
    }

    [Fact]
    public void A_buffer_is_wiped_when_sent_and_when_outgrown_and_when_disposed()
    {
        using var privateKey = new PrivateKey(Convert.FromHexString(PrivateHex));
        var status = new DeviceStatus { PrivateKey = privateKey };

        var writer = new UapiWriter();
        writer.WriteStatus(status);
        byte[] first = Buffer(writer);
        int length = writer.Unsent.Length;
        writer.MarkSent(length);
        AssertZero(first.AsSpan(0, length));

        writer.WriteStatus(status);
        writer.WriteStatus(ManyPeers(100));
        Assert.NotSame(first, Buffer(writer));
        AssertZero(first);

        byte[] second = Buffer(writer);
        length = writer.Unsent.Length;
        writer.Dispose();
        AssertZero(second.AsSpan(0, length));
        Assert.True(writer.Unsent.IsEmpty);
    }

    [Fact]
    public void A_large_buffer_is_given_back_when_sent()
    {
        using var writer = new UapiWriter();
        writer.WriteStatus(ManyPeers(1000));
        Assert.True(Buffer(writer).Length > 64 * 1024);
        writer.MarkSent(writer.Unsent.Length);
        Assert.Empty(Buffer(writer));
    }

    [Fact]
    public void Ten_thousand_peers_are_written_whole()
    {
        string text = Write(ManyPeers(10_000));
        Assert.Equal(10_000, WgReader.Read(text).Peers.Count);
    }

    internal static DeviceStatus ManyPeers(int count) => new()
    {
        Peers = Enumerable.Range(1, count).Select(i =>
        {
            byte[] key = new byte[32];
            BitConverter.TryWriteBytes(key, i);
            return new PeerStatus { PublicKey = new PublicKey(key), AllowedIps = [IpPrefix.IPv4((uint)i, 32)] };
        }),
    };

    internal static string Write(DeviceStatus status)
    {
        using var writer = new UapiWriter();
        writer.WriteStatus(status);
        return Encoding.ASCII.GetString(writer.Unsent);
    }

    private static PublicKey Key(string hex) => new(Convert.FromHexString(hex));

    private static IpPrefix Prefix(string text)
    {
        Assert.True(IpPrefix.TryParse(text, out IpPrefix prefix));
        return prefix;
    }

    private static void AssertZero(ReadOnlySpan<byte> bytes) => Assert.False(bytes.ContainsAnyExcept((byte)0));

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_buffer")]
    private static extern ref byte[] Buffer(UapiWriter writer);
}
