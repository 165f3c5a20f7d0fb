using System.Net;
using CsCheck;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class EndpointAddressTests
{
    private const string LongName = "interface567890"; // 15 letters, the most an interface can have

    [Theory]
    [InlineData("192.0.2.1:51820", "192.0.2.1:51820")]
    [InlineData("0.0.0.0:0", "0.0.0.0:0")]
    [InlineData("255.255.255.255:65535", "255.255.255.255:65535")]
    [InlineData("[::]:1", "[::]:1")]
    [InlineData("[::1]:51820", "[::1]:51820")]
    [InlineData("[2001:db8::1]:51820", "[2001:db8::1]:51820")]
    [InlineData("[2001:0DB8:0:0:0:0:0:1]:51820", "[2001:db8::1]:51820")]
    [InlineData("[64:ff9b::192.0.2.1]:5", "[64:ff9b::c000:201]:5")]
    [InlineData("[fe80::1]:5", "[fe80::1]:5")]
    [InlineData("[fe80::1%eth0]:5", "[fe80::1%3]:5")]
    [InlineData("[fe80::1%7]:5", "[fe80::1%7]:5")]
    [InlineData("[fe80::1%4294967295]:5", "[fe80::1%4294967295]:5")]
    [InlineData("[fe80::1%" + LongName + "]:5", "[fe80::1%9]:5")]
    [InlineData("[febf::1%eth0]:5", "[febf::1%3]:5")]
    // The kernel heeds a scope on link-local addresses alone.
    [InlineData("[2001:db8::1%eth0]:5", "[2001:db8::1]:5")]
    [InlineData("[fec0::1%3]:5", "[fec0::1]:5")]
    // One place has one address.
    [InlineData("[::ffff:192.0.2.1]:5", "192.0.2.1:5")]
    public void IP_endpoints_are_read(string text, string uapi)
    {
        foreach (NetworkKind network in new[] { NetworkKind.Tcp, NetworkKind.Udp })
        {
            Assert.True(TryParse(text, network, out EndpointAddress endpoint, out string error), error);
            Assert.Equal(uapi, endpoint.ToUapi());
            Assert.Equal(uapi, endpoint.ToString());
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":5")]
    [InlineData("5")]
    [InlineData("192.0.2.1")]
    [InlineData("192.0.2.1:")]
    [InlineData("192.0.2.1:65536")]
    [InlineData("192.0.2.1:4294967296")]
    [InlineData("192.0.2.1:-1")]
    [InlineData("192.0.2.1:+1")]
    [InlineData("192.0.2.1:05")]
    [InlineData("192.0.2.1: 5")]
    [InlineData("192.0.2.1:5 ")]
    [InlineData("192.0.2.1:5\0")]
    [InlineData("192.0.2.1:0x5")]
    [InlineData("192.0.2.1:ssh")]
    [InlineData(" 192.0.2.1:5")]
    [InlineData("192.0.2:5")]
    [InlineData("192.0.2.256:5")]
    [InlineData("192.0.2.01:5")]
    [InlineData("0xC0.0.2.1:5")]
    [InlineData("3221225985:5")]
    [InlineData("192.0.2.1:5:6")]
    [InlineData("[192.0.2.1]:5")]
    [InlineData("192.0.2.1%eth0:5")]
    [InlineData("2001:db8::1:5")]
    [InlineData("2001:db8::1")]
    [InlineData("::1")]
    [InlineData("[2001:db8::1]")]
    [InlineData("[2001:db8::1]:")]
    [InlineData("[2001:db8::1]5")]
    [InlineData("[2001:db8::1]:65536")]
    [InlineData("[2001:db8::1:5")]
    [InlineData("2001:db8::1]:5")]
    [InlineData("[]:5")]
    [InlineData("[[::1]]:5")]
    [InlineData("[::1]]:5")]
    [InlineData("[::1] :5")]
    [InlineData("[ ::1]:5")]
    [InlineData("[1::2::3]:5")]
    [InlineData("[12345::]:5")]
    [InlineData("[1:2:3:4:5:6:7]:5")]
    [InlineData("[1:2:3:4:5:6:7:8:9]:5")]
    [InlineData("[fe80::1%]:5")]
    [InlineData("[fe80::1%0]:5")]
    [InlineData("[fe80::1%nowhere]:5")]
    [InlineData("[fe80::1%+3]:5")]
    [InlineData("[fe80::1%4294967296]:5")]
    [InlineData("[fe80::1%" + LongName + "1]:5")]
    [InlineData("[%eth0]:5")]
    [InlineData("localhost:5")]
    [InlineData("example.org:5")]
    [InlineData("host(2):8172")]
    [InlineData("vm(6):51820")]
    public void Malformed_IP_endpoints_are_refused(string text)
    {
        foreach (NetworkKind network in new[] { NetworkKind.Tcp, NetworkKind.Udp })
        {
            Assert.False(TryParse(text, network, out EndpointAddress endpoint, out string error));
            Assert.Equal(default, endpoint);
            Assert.NotEqual("", error);
        }
    }

    [Theory]
    [InlineData(nameof(NetworkKind.Tcp4), true, false)]
    [InlineData(nameof(NetworkKind.Udp4), true, false)]
    [InlineData(nameof(NetworkKind.Tcp6), false, true)]
    [InlineData(nameof(NetworkKind.Udp6), false, true)]
    [InlineData(nameof(NetworkKind.Tcp), true, true)]
    [InlineData(nameof(NetworkKind.Udp), true, true)]
    public void A_network_of_one_IP_version_refuses_the_other(string networkName, bool takesIPv4, bool takesIPv6)
    {
        var network = Enum.Parse<NetworkKind>(networkName);
        Assert.Equal(takesIPv4, TryParse("192.0.2.1:5", network, out _, out _));
        Assert.Equal(takesIPv4, TryParse("[::ffff:192.0.2.1]:5", network, out _, out _));
        Assert.Equal(takesIPv6, TryParse("[2001:db8::1]:5", network, out _, out _));
    }

    [Fact]
    public void A_refused_IP_version_is_named()
    {
        Assert.False(TryParse("[2001:db8::1]:5", NetworkKind.Tcp4, out EndpointAddress endpoint, out string error));
        Assert.Equal(default, endpoint);
        Assert.Equal("the network is tcp4, the address is IPv6", error);
    }

    [Fact]
    public void An_interface_named_like_a_number_goes_before_the_number()
    {
        Assert.True(EndpointAddress.TryParse(
            "[fe80::1%7]:5", NetworkKind.Udp, name => name == "7" ? 12u : 0, out EndpointAddress endpoint, out _));
        Assert.Equal(12u, endpoint.ScopeId);
    }

    [Fact]
    public void Endpoints_are_equal_when_every_part_is()
    {
        EndpointAddress[] distinct =
        [
            default,
            EndpointAddress.IPv4(0x0A000001, 5),
            EndpointAddress.IPv4(0x0A000001, 6),
            EndpointAddress.IPv4(0x0A000002, 5),
            EndpointAddress.Vsock(0x0A000001, 5),
            EndpointAddress.Vsock(0x0A000001, 6),
            EndpointAddress.IPv6(0x0A000001, 5),
            EndpointAddress.IPv6(LinkLocal(1), 5),
            EndpointAddress.IPv6(LinkLocal(1), 5, 1),
            EndpointAddress.IPv6(LinkLocal(1), 5, 2),
            EndpointAddress.IPv6(LinkLocal(1), 6, 2),
            EndpointAddress.IPv6(LinkLocal(2), 5, 2),
        ];
        for (int i = 0; i < distinct.Length; i++)
        {
            for (int j = 0; j < distinct.Length; j++)
            {
                Assert.Equal(i == j, distinct[i] == distinct[j]);
                Assert.Equal(i != j, distinct[i] != distinct[j]);
                Assert.Equal(i == j, distinct[i].Equals((object)distinct[j]));
            }
        }

        Assert.Equal(distinct.Length, distinct.ToHashSet().Count);
        Assert.False(distinct[0].Equals("none"));
    }

    [Fact]
    public void A_cookie_binds_the_IP_address_and_port_in_network_order()
    {
        Span<byte> source = stackalloc byte[EndpointAddress.MaxCookieSourceSize];
        Assert.Equal(6, EndpointAddress.IPv4(0xC0000201, 0x1234).CookieSource(source));
        Assert.Equal([0xC0, 0, 2, 1, 0x12, 0x34], source[..6].ToArray());

        Assert.Equal(18, EndpointAddress.IPv6((UInt128)0x20010DB8 << 96 | 0x42, 0x1234).CookieSource(source));
        Assert.Equal("20010db8000000000000000000000042" + "1234", Convert.ToHexStringLower(source));
    }

    [Fact]
    public void Source_is_an_IPv4_address_an_IPv6_network_of_64_bits_or_a_CID_whatever_the_port()
    {
        UInt128 network = (UInt128)0x20010DB800010002 << 64;
        Assert.Equal(EndpointAddress.IPv6(network | 1, 1).Source(), EndpointAddress.IPv6(network | ulong.MaxValue, 2).Source());
        UInt128 next = network + (UInt128.One << 64);
        Assert.NotEqual(EndpointAddress.IPv6(network | 1, 1).Source(), EndpointAddress.IPv6(next | 1, 1).Source());
        Assert.Equal(EndpointAddress.IPv4(1, 1).Source(), EndpointAddress.IPv4(1, 2).Source());
        Assert.NotEqual(EndpointAddress.IPv4(1, 1).Source(), EndpointAddress.IPv4(2, 1).Source());
        Assert.Equal(EndpointAddress.Vsock(6, 1).Source(), EndpointAddress.Vsock(6, 1 << 20).Source());
        Assert.NotEqual(EndpointAddress.Vsock(6, 1).Source(), EndpointAddress.Vsock(7, 1).Source());
        Assert.NotEqual(EndpointAddress.Vsock(6, 1).Source(), EndpointAddress.IPv4(6, 1).Source());
        // Whoever is on another link.
        UInt128 linkLocal = (UInt128)0xFE80 << 112;
        Assert.Equal(EndpointAddress.IPv6(linkLocal | 1, 1, 3).Source(), EndpointAddress.IPv6(linkLocal | 2, 1, 3).Source());
        Assert.NotEqual(EndpointAddress.IPv6(linkLocal | 1, 1, 3).Source(), EndpointAddress.IPv6(linkLocal | 1, 1, 4).Source());
    }

    [Fact]
    public void The_default_value_is_no_address()
    {
        EndpointAddress none = default;
        Assert.Equal(AddressFamilyKind.None, none.Kind);
        Assert.Equal("none", none.ToString());
        Assert.Throws<InvalidOperationException>(() => none.ToUapi());
        Assert.Throws<InvalidOperationException>(() => none.WriteSockaddr(new byte[EndpointAddress.MaxSockaddrSize]));
        Assert.Throws<InvalidOperationException>(() => none.CookieSource(new byte[EndpointAddress.MaxCookieSourceSize]));
    }

    [Fact]
    public void Text_reads_back_as_the_address_it_was_written_from() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.UShort, Gen.UInt, Gen.Int[0, 3]).Sample((high, low, port, scopeId, kind) =>
        {
            EndpointAddress endpoint = kind switch
            {
                0 => EndpointAddress.IPv4((uint)low, port),
                1 => EndpointAddress.IPv6(new UInt128(high, low), port),
                2 => EndpointAddress.IPv6(LinkLocal(low), port, scopeId),
                // The CID that stands for any is no address.
                _ => EndpointAddress.Vsock(Math.Min((uint)low, uint.MaxValue - 1), port),
            };
            NetworkKind network = kind == 3 ? NetworkKind.Vsock : NetworkKind.Udp;
            Assert.True(TryParse(endpoint.ToUapi(), network, out EndpointAddress fromUapi, out _));
            Assert.Equal(endpoint, fromUapi);
            Assert.True(TryParse(endpoint.ToString(), network, out EndpointAddress fromText, out _));
            Assert.Equal(endpoint, fromText);
        });

    [Fact]
    public void The_systems_own_reader_agrees_with_what_is_written() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.UShort).Sample((high, low, port) =>
        {
            var endpoint = EndpointAddress.IPv6(new UInt128(high, low), port);
            Span<byte> sockaddr = stackalloc byte[EndpointAddress.MaxSockaddrSize];
            Assert.Equal(28, endpoint.WriteSockaddr(sockaddr));
            var expected = new IPEndPoint(new IPAddress(sockaddr.Slice(8, 16)), port);
            Assert.Equal(expected, IPEndPoint.Parse(endpoint.ToUapi()));
        });

    [Fact]
    public void No_text_makes_parsing_throw()
    {
        string[] pieces =
        [
            "vm(", "host(2)", ")", ":", "::", "[", "]", "%", "eth0", ".", "0", "3", "255",
            "4294967296", "-", " ", "fe80", "\0", "é", "unix:/", "/a_", "#",
        ];
        Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]).Array[0, 12].Select(string.Concat).Sample(
            text =>
            {
                for (var network = NetworkKind.Vsock; network <= NetworkKind.Unix; network++)
                {
                    bool isGood = TryParse(text, network, out EndpointAddress endpoint, out string error);
                    Assert.Equal(isGood, error.Length == 0);
                    Assert.Equal(isGood, endpoint != default);
                    if (isGood)
                        Assert.NotEqual("", endpoint.ToUapi());
                }
            },
            iter: 20_000);
    }

    private static UInt128 LinkLocal(ulong host) => (UInt128)0xFE80 << 112 | host;

    private static bool TryParse(string text, NetworkKind network, out EndpointAddress endpoint, out string error) =>
        EndpointAddress.TryParse(text, network, IndexOf, out endpoint, out error);

    private static uint IndexOf(string name) => name switch
    {
        "eth0" => 3,
        LongName => 9,
        _ => 0,
    };
}
