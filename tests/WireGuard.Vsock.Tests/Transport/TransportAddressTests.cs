using System.Globalization;
using CsCheck;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

/// <summary>Addresses that say their network: of the relay.</summary>
public sealed class TransportAddressTests
{
    private const uint AnyCid = uint.MaxValue;

    private static readonly string[] Pieces =
    [
        "vsock", "tcp", "udp", "unix", "tcp4", ":", "::", "[", "]", "[::1]", "%", "%lo", "/", "/run/v.sock", "0", "1", "51820",
        "65536", "4294967295", "192.0.2.1", "vm(3)", "host(2)", "a.example", "-", " ", "\0", "\n", "é", "\uD800", "#", "_",
    ];

    [Theory]
    [InlineData("vsock:51820", nameof(NetworkKind.Vsock), "", AnyCid, 51820u)]
    [InlineData("vsock:4294967294", nameof(NetworkKind.Vsock), "", AnyCid, 4294967294u)]
    [InlineData("tcp:51820", nameof(NetworkKind.Tcp), "", 0u, 51820u)]
    [InlineData("udp:1", nameof(NetworkKind.Udp), "", 0u, 1u)]
    [InlineData("tcp:192.0.2.1:51820", nameof(NetworkKind.Tcp), "192.0.2.1", 0u, 51820u)]
    [InlineData("udp:0.0.0.0:51820", nameof(NetworkKind.Udp), "0.0.0.0", 0u, 51820u)]
    [InlineData("udp:[2001:db8::1]:51820", nameof(NetworkKind.Udp), "2001:db8::1", 0u, 51820u)]
    [InlineData("tcp:[fe80::1%7]:5", nameof(NetworkKind.Tcp), "fe80::1%7", 0u, 5u)]
    [InlineData("unix:/run/vm3/v.sock:51820", nameof(NetworkKind.Unix), "/run/vm3/v.sock", 0u, 51820u)]
    [InlineData("unix:/a:b:4000000000", nameof(NetworkKind.Unix), "/a:b", 0u, 4000000000u)]
    public void Every_form_to_listen_on_is_read(string text, string network, string host, uint cid, uint port) =>
        AssertRead(text, AddressUse.Listen, new(Enum.Parse<NetworkKind>(network), host, cid, port));

    [Theory]
    [InlineData("vsock:16:51820", nameof(NetworkKind.Vsock), "", 16u, 51820u)]
    [InlineData("tcp:vpn.example.org:51820", nameof(NetworkKind.Tcp), "vpn.example.org", 0u, 51820u)]
    [InlineData("udp:localhost:51820", nameof(NetworkKind.Udp), "localhost", 0u, 51820u)]
    [InlineData("udp:192.0.2.1:51820", nameof(NetworkKind.Udp), "192.0.2.1", 0u, 51820u)]
    [InlineData("udp:[2001:db8::1]:51820", nameof(NetworkKind.Udp), "2001:db8::1", 0u, 51820u)]
    [InlineData("unix:/run/vm3/v.sock:51820", nameof(NetworkKind.Unix), "/run/vm3/v.sock", 0u, 51820u)]
    public void Every_form_to_send_to_is_read(string text, string network, string host, uint cid, uint port) =>
        AssertRead(text, AddressUse.Send, new(Enum.Parse<NetworkKind>(network), host, cid, port));

    [Theory]
    [InlineData("vsock:vm(16):51820", "vsock:16:51820")]
    [InlineData("vsock:host(2):8172", "vsock:2:8172")]
    [InlineData("vsock:0.0.0.16:8172", "vsock:16:8172")]
    [InlineData("udp:[2001:0DB8:0::1]:5", "udp:[2001:db8::1]:5")]
    [InlineData("udp:[::ffff:192.0.2.1]:5", "udp:192.0.2.1:5")]
    [InlineData("tcp:VPN.Example.org:5", "tcp:vpn.example.org:5")]
    [InlineData("udp:[fe80::1%lo]:5", "udp:[fe80::1%1]:5")]
    public void Other_forms_mean_the_same(string text, string usual)
    {
        Assert.True(TransportAddress.TryParse(text, AddressUse.Send, out TransportAddress address, out _));
        Assert.Equal(usual, address.ToString());
    }

    [Theory]
    [InlineData("", "it does not begin with a network: write vsock:PORT, tcp:PORT, ")]
    [InlineData("51820", "it does not begin with a network: ")]
    [InlineData("sctp:51820", "it does not begin with a network: ")]
    [InlineData("TCP:51820", "it does not begin with a network: ")]
    [InlineData("tcp", "it does not begin with a network: ")]
    [InlineData("tcp6:51820", "write tcp: the address says which IP it is")]
    [InlineData("udp4:1.2.3.4:5", "write udp: the address says which IP it is")]
    [InlineData("tcp:", "what follows the last colon is no port from 1 to 65535")]
    [InlineData("tcp:0", "what follows the last colon is no port from 1 to 65535")]
    [InlineData("tcp:65536", "what follows the last colon is no port from 1 to 65535")]
    [InlineData("tcp:051820", "what follows the last colon is no port from 1 to 65535")]
    [InlineData("udp:1.2.3.4", "what follows the last colon is no port from 1 to 65535")]
    [InlineData("vsock:4294967295", "what follows the last colon is no port from 0 to 4294967294")]
    [InlineData("vsock:16:51820", "to listen write vsock:PORT: it is this machine's own CID")]
    [InlineData("vsock::51820", "there is a colon too many: nothing stands between the two")]
    [InlineData("tcp::51820", "there is a colon too many: nothing stands between the two")]
    [InlineData("tcp:a.example:51820", "a name is no address of this machine: write an IP address, or the port alone")]
    [InlineData("udp:2001:db8::1:51820", "write an IPv6 address in brackets")]
    [InlineData("udp:[1.2.3.4]:51820", "not an IPv6 address in brackets")]
    [InlineData("tcp:1.2.3.999:5", "not an IPv4 address, nor an IPv6 address in brackets")]
    [InlineData("udp:[fe80::1%nothing]:5", "no interface is named as the address's scope says")]
    [InlineData("unix:v.sock:5", "the path is not absolute: unix:/PATH:PORT")]
    [InlineData("unix:/run/v.sock", "not unix:/PATH:PORT: the port is missing")]
    [InlineData("unix:/run/:5", "the path ends with '/', which is a folder: the socket in it is meant")]
    [InlineData("unix:/a b:5", "the path has a space, a '#' or what is not printable ASCII: take another")]
    public void What_cannot_be_listened_on_is_told_with_its_mend(string text, string error) =>
        AssertRefused(text, AddressUse.Listen, error);

    [Theory]
    [InlineData("", "it does not begin with a network: write vsock:CID:PORT, tcp:HOST:PORT, ")]
    [InlineData("vsock:51820", "which machine? Write vsock:CID:PORT")]
    [InlineData("vsock:x:51820", "the CID is not hypervisor(0), ")]
    [InlineData("vsock:3:x", "the port is not a number from 0 to 4294967294")]
    [InlineData("tcp:51820", "which host? Write tcp:HOST:PORT")]
    [InlineData("udp:0.0.0.0:5", "it is no address to send to: write another machine's")]
    [InlineData("udp:[::]:5", "it is no address to send to: write another machine's")]
    [InlineData("tcp:1.2.3:5", "not an IPv4 address, nor an IPv6 address in brackets, nor a host's name")]
    [InlineData("tcp:-a.example:5", "not an IPv4 address, nor an IPv6 address in brackets, nor a host's name")]
    [InlineData("tcp:a.example:0", "what follows the last colon is no port from 1 to 65535")]
    [InlineData("unix:5", "not unix:/PATH:PORT: the port is missing")]
    public void What_cannot_be_sent_to_is_told_with_its_mend(string text, string error) =>
        AssertRefused(text, AddressUse.Send, error);

    [Fact]
    public void A_listening_Unix_socket_fits_107_bytes_with_its_port()
    {
        string path = "/" + new string('a', 95);
        Assert.True(TransportAddress.TryParse($"unix:{path}:4000000000", AddressUse.Listen, out _, out _));
        Assert.False(TransportAddress.TryParse($"unix:{path}a:4000000000", AddressUse.Listen, out _, out _));
    }

    [Theory]
    [InlineData("tcp:a.example:5", true)]
    [InlineData("udp:192.0.2.1:5", false)]
    [InlineData("udp:[::1]:5", false)]
    [InlineData("vsock:16:5", false)]
    [InlineData("unix:/a:5", false)]
    public void Only_a_name_is_yet_to_be_resolved(string text, bool isName)
    {
        Assert.True(TransportAddress.TryParse(text, AddressUse.Send, out TransportAddress address, out _));
        Assert.Equal(isName, address.IsName);
        Assert.Equal(!isName, address.TryResolved(out EndpointAddress endpoint));
        Assert.Equal(isName, endpoint.Kind == AddressFamilyKind.None);
    }

    [Fact]
    public void Whatever_is_written_is_read_back() => Gen.Select(
        Gen.Int[0, 4], Gen.UInt, Gen.Select(Gen.ULong, Gen.ULong), Gen.UInt[0, uint.MaxValue - 1], Gen.Bool).Sample(
        (kind, low, wide, port, isUdp) =>
        {
            var endpoint = kind == 0
                ? EndpointAddress.IPv4(low | 1, (ushort)(port | 1))
                : EndpointAddress.IPv6(new UInt128(wide.Item1, wide.Item2 | 1), (ushort)(port | 1));
            string text = kind switch
            {
                0 or 1 => $"{(isUdp ? "udp" : "tcp")}:{endpoint}",
                2 => string.Create(CultureInfo.InvariantCulture, $"vsock:{Math.Min(low, uint.MaxValue - 1)}:{port}"),
                3 => string.Create(CultureInfo.InvariantCulture, $"unix:/run/{low}.sock:{port}"),
                _ => string.Create(CultureInfo.InvariantCulture, $"tcp:h{low}.example:{(ushort)port | 1}"),
            };
            Assert.True(TransportAddress.TryParse(text, AddressUse.Send, out TransportAddress address, out string error), error);
            Assert.Equal(text, address.ToString());
            if (kind <= 1)
            {
                Assert.True(address.TryResolved(out EndpointAddress resolved));
                Assert.Equal(endpoint, resolved);
            }
        });

    [Fact]
    public void Whatever_the_text_it_is_refused_or_read_back() =>
        Gen.Int[0, Pieces.Length - 1].Array[0, 8].Select(choices => string.Concat(choices.Select(i => Pieces[i]))).Sample(
            text =>
            {
                foreach (AddressUse use in new[] { AddressUse.Listen, AddressUse.Send })
                {
                    bool isRead = TransportAddress.TryParse(text, use, out TransportAddress address, out string error);
                    Assert.Equal(isRead, error.Length == 0);
                    Assert.DoesNotContain(error, char.IsControl);
                    if (!isRead)
                    {
                        Assert.Equal(default, address);
                        continue;
                    }

                    Assert.True(TransportAddress.TryParse(address.ToString(), use, out TransportAddress again, out _));
                    Assert.Equal(address, again);
                }
            },
            iter: 50_000);

    private static void AssertRead(string text, AddressUse use, TransportAddress expected)
    {
        Assert.True(TransportAddress.TryParse(text, use, out TransportAddress address, out string error), error);
        Assert.Equal("", error);
        Assert.Equal(expected, address);
        Assert.Equal(text, address.ToString());
    }

    private static void AssertRefused(string text, AddressUse use, string expected)
    {
        Assert.False(TransportAddress.TryParse(text, use, out TransportAddress address, out string error));
        Assert.StartsWith(expected, error, StringComparison.Ordinal);
        Assert.Equal(default, address);
    }
}
