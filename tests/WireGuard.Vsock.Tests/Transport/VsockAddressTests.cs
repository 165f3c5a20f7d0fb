using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

/// <summary>The forms of a VSOCK address: hypervisor(0), local(1), host(2), vm(N), N, dotted quad; a port of 32 bits.</summary>
public sealed class VsockAddressTests
{
    [Theory]
    [InlineData("hypervisor(0):1", 0u, 1u, "0.0.0.0:1", "hypervisor(0):1")]
    [InlineData("local(1):51820", 1u, 51820u, "0.0.0.1:51820", "local(1):51820")]
    [InlineData("host(2):8172", 2u, 8172u, "0.0.0.2:8172", "host(2):8172")]
    [InlineData("vm(3):1", 3u, 1u, "0.0.0.3:1", "vm(3):1")]
    [InlineData("vm(6):51820", 6u, 51820u, "0.0.0.6:51820", "vm(6):51820")]
    [InlineData("vm(10):1024", 10u, 1024u, "0.0.0.10:1024", "vm(10):1024")]
    [InlineData("vm(256):1", 256u, 1u, "0.0.1.0:1", "vm(256):1")]
    [InlineData("vm(16909060):7", 0x01020304u, 7u, "1.2.3.4:7", "vm(16909060):7")]
    [InlineData("vm(4294967294):1", uint.MaxValue - 1, 1u, "255.255.255.254:1", "vm(4294967294):1")]
    [InlineData("0.0.0.0:1", 0u, 1u, "0.0.0.0:1", "hypervisor(0):1")]
    [InlineData("0.0.0.1:1", 1u, 1u, "0.0.0.1:1", "local(1):1")]
    [InlineData("0.0.0.2:8172", 2u, 8172u, "0.0.0.2:8172", "host(2):8172")]
    [InlineData("0.0.0.6:51820", 6u, 51820u, "0.0.0.6:51820", "vm(6):51820")]
    [InlineData("1.2.3.4:5", 0x01020304u, 5u, "1.2.3.4:5", "vm(16909060):5")]
    [InlineData("255.255.255.254:65535", uint.MaxValue - 1, 65535u, "255.255.255.254:65535", "vm(4294967294):65535")]
    [InlineData("0:1", 0u, 1u, "0.0.0.0:1", "hypervisor(0):1")]
    [InlineData("2:8172", 2u, 8172u, "0.0.0.2:8172", "host(2):8172")]
    [InlineData("16:51820", 16u, 51820u, "0.0.0.16:51820", "vm(16):51820")]
    [InlineData("4294967294:4294967294", uint.MaxValue - 1, uint.MaxValue - 1, "255.255.255.254:0", "vm(4294967294):4294967294")]
    [InlineData("host(2):0", 2u, 0u, "0.0.0.2:0", "host(2):0")]
    [InlineData("host(2):65535", 2u, 65535u, "0.0.0.2:65535", "host(2):65535")]
    [InlineData("host(2):65536", 2u, 65536u, "0.0.0.2:0", "host(2):65536")]
    [InlineData("vm(6):2147483648", 6u, 2147483648u, "0.0.0.6:0", "vm(6):2147483648")]
    [InlineData("0.0.0.6:4294967294", 6u, uint.MaxValue - 1, "0.0.0.6:0", "vm(6):4294967294")]
    public void Every_form_of_an_address_is_read(string text, uint cid, uint port, string uapi, string friendly)
    {
        Assert.True(TryParse(text, out EndpointAddress endpoint, out string error));
        Assert.Equal("", error);
        Assert.Equal(AddressFamilyKind.Vsock, endpoint.Kind);
        Assert.Equal(cid, endpoint.Cid);
        Assert.Equal(port, endpoint.Port);
        Assert.Equal(EndpointAddress.Vsock(cid, port), endpoint);
        Assert.Equal(uapi, endpoint.ToUapi());
        Assert.Equal(friendly, endpoint.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":51820")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("[::1]:51820")]
    [InlineData("[2001:db8::1]:51820")]
    [InlineData("fe80::1:51820")]
    // Without a port.
    [InlineData("vm(3)")]
    [InlineData("vm(3):")]
    [InlineData("host(2)")]
    [InlineData("host(2):")]
    [InlineData("0.0.0.6")]
    [InlineData("0.0.0.6:")]
    // A name that is not the number's.
    [InlineData("hypervisor(1):1")]
    [InlineData("hypervisor(2):1")]
    [InlineData("local(0):1")]
    [InlineData("local(2):1")]
    [InlineData("host(0):1")]
    [InlineData("host(1):1")]
    [InlineData("host(3):1")]
    [InlineData("vm(0):1")]
    [InlineData("vm(1):1")]
    [InlineData("vm(2):1")]
    // Any machine, any port: no place (VMADDR_CID_ANY, VMADDR_PORT_ANY).
    [InlineData("vm(4294967295):1")]
    [InlineData("255.255.255.255:1")]
    [InlineData("vm(3):4294967295")]
    [InlineData("0.0.0.3:4294967295")]
    // Numbers that are none, or too large.
    [InlineData("vm():1")]
    [InlineData("vm(03):1")]
    [InlineData("vm(003):1")]
    [InlineData("vm(+3):1")]
    [InlineData("vm(-3):1")]
    [InlineData("vm( 3):1")]
    [InlineData("vm(3 ):1")]
    [InlineData("vm(3.0):1")]
    [InlineData("vm(0x6):1")]
    [InlineData("vm(six):1")]
    [InlineData("vm(4294967296):1")]
    [InlineData("vm(4294967299):1")]
    [InlineData("vm(18446744073709551619):1")]
    [InlineData("host(02):1")]
    [InlineData("host(+2):1")]
    // Ports that are none, or too large.
    [InlineData("vm(3):4294967296")]
    [InlineData("vm(3):18446744073709551617")]
    [InlineData("vm(3):-1")]
    [InlineData("vm(3):+1")]
    [InlineData("vm(3): 1")]
    [InlineData("vm(3):1 ")]
    [InlineData("vm(3):01")]
    [InlineData("vm(3):00")]
    [InlineData("vm(3):0x1")]
    [InlineData("vm(3):http")]
    [InlineData("vm(3):1\0")]
    [InlineData("vm(3):1\n")]
    [InlineData("vm(3):1\r")]
    [InlineData("vm(3):\u0661")]
    // Something before, between or after.
    [InlineData(" vm(3):1")]
    [InlineData("vm(3) :1")]
    [InlineData("vm (3):1")]
    [InlineData("vm(3):1:2")]
    [InlineData("vm(3)::1")]
    [InlineData("vm(3)x:1")]
    [InlineData("vm(3):1x")]
    [InlineData("vm(3)):1")]
    [InlineData("vm((3):1")]
    [InlineData("vm(3,4):1")]
    [InlineData("xvm(3):1")]
    [InlineData("vsock:vm(3):1")]
    [InlineData("vsock://3:1")]
    [InlineData("vm(3:1")]
    [InlineData("vm3):1")]
    [InlineData("vm3:1")]
    [InlineData("vm:1")]
    [InlineData("host:1")]
    [InlineData("host2:1")]
    [InlineData("local:1")]
    // Another spelling.
    [InlineData("VM(3):1")]
    [InlineData("Host(2):1")]
    [InlineData("HOST(2):1")]
    [InlineData("guest(3):1")]
    [InlineData("reserved(1):1")]
    [InlineData("any:1")]
    // A bare number that is no CID.
    [InlineData("06:1")]
    [InlineData("+6:1")]
    [InlineData(" 6:1")]
    [InlineData("6")]
    [InlineData("4294967295:1")]
    [InlineData("4294967296")]
    [InlineData("4294967296:1")]
    [InlineData("-1:1")]
    // Quads that are none.
    [InlineData("1.2.3:5")]
    [InlineData("1.2:5")]
    [InlineData("1.2.3.4.5:5")]
    [InlineData("1.2.3.:5")]
    [InlineData(".2.3.4:5")]
    [InlineData("1..3.4:5")]
    [InlineData("1.2.3.256:5")]
    [InlineData("01.2.3.4:5")]
    [InlineData("0.0.0.06:5")]
    [InlineData("0x1.2.3.4:5")]
    [InlineData("1.2.3.4 :5")]
    [InlineData("1.2.3.-4:5")]
    [InlineData("[0.0.0.6]:5")]
    [InlineData("localhost:5")]
    [InlineData("example.org:5")]
    public void Everything_malformed_is_refused(string text)
    {
        Assert.False(TryParse(text, out EndpointAddress endpoint, out string error));
        Assert.Equal(default, endpoint);
        Assert.NotEqual("", error);
    }

    [Theory]
    [InlineData("3:51820 to-host")]
    [InlineData("vm(3):51820 to-host")]
    [InlineData("0.0.0.3:51820 to-host")]
    public void To_host_is_part_of_an_endpoint_and_of_its_full_text_but_not_of_what_wg_reads(string text)
    {
        Assert.True(TryParse(text, out EndpointAddress endpoint, out _));
        Assert.True(endpoint.IsToHost);
        Assert.Equal(EndpointAddress.Vsock(3, 51820, isToHost: true), endpoint);
        Assert.Equal(EndpointAddress.Vsock(3, 51820).ToHost(), endpoint);
        Assert.NotEqual(EndpointAddress.Vsock(3, 51820), endpoint);
        Assert.Equal("vm(3):51820 to-host", endpoint.ToString());
        Assert.Equal("0.0.0.3:51820", endpoint.ToUapi());
        Assert.True(TryParse(endpoint.ToString(), out EndpointAddress again, out _));
        Assert.Equal(endpoint, again);
    }

    [Theory]
    [InlineData(" to-host")]
    [InlineData("to-host")]
    [InlineData("3:51820to-host")]
    [InlineData("3:51820  to-host")]
    [InlineData("3:51820 TO-HOST")]
    [InlineData("3:51820 to-host ")]
    [InlineData("3:51820 to-host to-host")]
    [InlineData("3 to-host:51820")]
    public void To_host_in_any_other_place_is_refused(string text) => Assert.False(TryParse(text, out _, out _));

    [Fact]
    public void To_host_is_nothing_to_IP() =>
        Assert.False(EndpointAddress.TryParse("192.0.2.1:5 to-host", NetworkKind.Tcp, _ => 0, out _, out _));

    [Fact]
    public void A_machine_is_one_source_however_it_is_reached()
    {
        EndpointAddress plain = EndpointAddress.Vsock(3, 1), toHost = EndpointAddress.Vsock(3, 2, isToHost: true);
        Assert.Equal(plain.Source(), toHost.Source());
        Assert.Equal(0u, toHost.ScopeId);
    }

    [Fact]
    public void A_cookie_binds_the_CID_and_not_the_port()
    {
        Span<byte> source = stackalloc byte[EndpointAddress.MaxCookieSourceSize];
        Assert.Equal(4, EndpointAddress.Vsock(0x01020304, 0xAABBCCDD).CookieSource(source));
        Assert.Equal([1, 2, 3, 4], source[..4].ToArray());
    }

    private static bool TryParse(string text, out EndpointAddress endpoint, out string error) =>
        EndpointAddress.TryParse(text, NetworkKind.Vsock, _ => 0, out endpoint, out error);
}
