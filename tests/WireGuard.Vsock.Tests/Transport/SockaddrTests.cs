using System.Buffers.Binary;
using CsCheck;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

/// <summary>
/// The exact bytes of the kernel's structs: linux/in.h, linux/in6.h, linux/vm_sockets.h. Host order is that of x64 and arm64.
/// </summary>
public sealed class SockaddrTests
{
    [Fact]
    public void Sockaddr_in_is_16_bytes_with_port_and_address_in_network_order()
    {
        var endpoint = EndpointAddress.IPv4(0xC0000201, 51820);
        AssertLayout(endpoint, "0200" + "ca6c" + "c0000201" + "0000000000000000");
    }

    [Fact]
    public void Sockaddr_in6_is_28_bytes_with_the_scope_in_host_order()
    {
        var endpoint = EndpointAddress.IPv6((UInt128)0xFE80 << 112 | 0x42, 51820, 0x01020304);
        AssertLayout(endpoint, "0a00" + "ca6c" + "00000000" + "fe800000000000000000000000000042" + "04030201");
    }

    [Fact]
    public void Sockaddr_vm_is_16_bytes_all_in_host_order()
    {
        var endpoint = EndpointAddress.Vsock(cid: 6, port: 0x0A0B0C0D);
        AssertLayout(endpoint, "2800" + "0000" + "0d0c0b0a" + "06000000" + "00" + "000000");
    }

    [Fact]
    public void Sockaddr_vm_keeps_all_32_bits_of_CID_and_port()
    {
        var endpoint = EndpointAddress.Vsock(uint.MaxValue, uint.MaxValue);
        AssertLayout(endpoint, "2800" + "0000" + "ffffffff" + "ffffffff" + "00" + "000000");
    }

    [Fact]
    public void To_host_is_bit_0_of_the_flags()
    {
        Span<byte> sockaddr = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        sockaddr.Fill(0xEE);
        int length = EndpointAddress.Vsock(cid: 3, port: 51820, isToHost: true).WriteSockaddr(sockaddr);
        Assert.Equal("2800" + "0000" + "6cca0000" + "03000000" + "01" + "000000", Convert.ToHexStringLower(sockaddr[..length]));
        // The address that a connection comes from has it not.
        AssertRead(Convert.ToHexStringLower(sockaddr[..length]), EndpointAddress.Vsock(cid: 3, port: 51820));
    }

    [Fact]
    public void Flow_label_and_padding_and_flags_from_the_kernel_do_not_count()
    {
        AssertRead("0a00" + "ca6c" + "deadbeef" + "20010db8000000000000000000000042" + "00000000",
            EndpointAddress.IPv6((UInt128)0x20010DB8 << 96 | 0x42, 51820));
        AssertRead("0200" + "ca6c" + "c0000201" + "1122334455667788", EndpointAddress.IPv4(0xC0000201, 51820));
        AssertRead("2800" + "ffff" + "01000000" + "02000000" + "01" + "ffffff", EndpointAddress.Vsock(2, 1));
    }

    [Fact]
    public void An_IPv4_mapped_source_is_the_IPv4_address() =>
        AssertRead("0a00" + "ca6c" + "00000000" + "00000000000000000000ffffc0000201" + "00000000",
            EndpointAddress.IPv4(0xC0000201, 51820));

    [Theory]
    [InlineData("")]
    [InlineData("02")]
    [InlineData("0000")]
    [InlineData("00000000000000000000000000000000")] // AF_UNSPEC
    [InlineData("01002f746d702f78000000000000000000000000000000000000000000")] // AF_UNIX
    [InlineData("0002ca6cc00002010000000000000000")] // the family in network order
    [InlineData("0200ca6cc000020100000000000000")] // 15 bytes
    [InlineData("2800000001000000020000000000" + "00")] // 15 bytes
    [InlineData("0a00ca6c0000000020010db800000000000000000000004200000000")] // 28 bytes less one, below
    public void Another_family_or_too_few_bytes_are_refused(string hex)
    {
        byte[] sockaddr = Convert.FromHexString(hex);
        if (sockaddr.Length == 28 && sockaddr[0] == 10)
            sockaddr = sockaddr[..27];
        Assert.False(EndpointAddress.TryFromSockaddr(sockaddr, out EndpointAddress endpoint));
        Assert.Equal(default, endpoint);
    }

    [Fact]
    public void Any_bytes_are_read_or_refused_and_what_is_read_is_written_back() =>
        Gen.Select(Gen.Int[0, 4], Gen.Byte.Array[0, 40]).Sample((choice, bytes) =>
        {
            if (bytes.Length >= 2)
                BinaryPrimitives.WriteUInt16LittleEndian(bytes, new ushort[] { 2, 10, 40, 0, 1 }[choice]);
            if (!EndpointAddress.TryFromSockaddr(bytes, out EndpointAddress endpoint))
                return;
            Span<byte> written = stackalloc byte[EndpointAddress.MaxSockaddrSize];
            written.Fill(0xEE);
            int length = endpoint.WriteSockaddr(written);
            Assert.True(EndpointAddress.TryFromSockaddr(written[..length], out EndpointAddress again));
            Assert.Equal(endpoint, again);
        });

    [Fact]
    public void A_buffer_too_small_for_the_sockaddr_throws()
    {
        Assert.ThrowsAny<ArgumentException>(() => EndpointAddress.IPv4(1, 1).WriteSockaddr(new byte[15]));
        Assert.ThrowsAny<ArgumentException>(() => EndpointAddress.IPv6(1, 1).WriteSockaddr(new byte[27]));
        Assert.ThrowsAny<ArgumentException>(() => EndpointAddress.Vsock(3, 1).WriteSockaddr(new byte[15]));
    }

    private static void AssertLayout(EndpointAddress endpoint, string hex)
    {
        Span<byte> sockaddr = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        sockaddr.Fill(0xEE); // what was in the buffer before must not show
        int length = endpoint.WriteSockaddr(sockaddr);
        Assert.Equal(hex, Convert.ToHexStringLower(sockaddr[..length]));
        AssertRead(hex, endpoint);
    }

    private static void AssertRead(string hex, EndpointAddress expected)
    {
        Assert.True(EndpointAddress.TryFromSockaddr(Convert.FromHexString(hex), out EndpointAddress endpoint));
        Assert.Equal(expected, endpoint);
    }
}
