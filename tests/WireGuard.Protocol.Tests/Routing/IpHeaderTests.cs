using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Tests.Routing;

public sealed class IpHeaderTests
{
    // RFC 791 section 3.1: 192.0.2.1 to 198.51.100.2, total length 28, UDP.
    private static byte[] PacketIPv4() => Convert.FromHexString(
        "4500001C0000400040110000" + "C0000201" + "C6336402" + "0001000200080000");

    // RFC 8200 section 3: 2001:db8::1 to 2001:db8::2, payload length 8, UDP.
    private static byte[] PacketIPv6() => Convert.FromHexString(
        "6000000000081140" + "20010DB8000000000000000000000001" + "20010DB8000000000000000000000002" + "0001000200080000");

    [Fact]
    public void IPv4_addresses_and_length_are_read()
    {
        Assert.True(IpHeader.TryRead(PacketIPv4(), out IpHeader header));
        Assert.False(header.IsIPv6);
        Assert.Equal(28, header.Length);
        Assert.Equal(0xC0000201, header.Source4);
        Assert.Equal(0xC6336402, header.Destination4);
    }

    [Fact]
    public void IPv6_addresses_and_length_are_read()
    {
        Assert.True(IpHeader.TryRead(PacketIPv6(), out IpHeader header));
        Assert.True(header.IsIPv6);
        Assert.Equal(48, header.Length);
        Assert.Equal(new UInt128(0x20010DB8_00000000, 1), header.Source6);
        Assert.Equal(new UInt128(0x20010DB8_00000000, 2), header.Destination6);
    }

    [Fact]
    public void Padding_is_not_part_of_the_packet()
    {
        Assert.True(IpHeader.TryRead([.. PacketIPv4(), .. new byte[4]], out IpHeader header4));
        Assert.Equal(28, header4.Length);
        Assert.True(IpHeader.TryRead([.. PacketIPv6(), .. new byte[15]], out IpHeader header6));
        Assert.Equal(48, header6.Length);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        foreach (byte[] packet in new[] { PacketIPv4(), PacketIPv6() })
        {
            for (int length = 0; length < packet.Length; length++)
                Assert.False(IpHeader.TryRead(packet.AsSpan(0, length), out _), $"{length} bytes");
        }
    }

    [Fact]
    public void Version_other_than_4_and_6_is_refused()
    {
        for (int version = 0; version < 16; version++)
        {
            byte[] packet = new byte[64];
            packet[0] = (byte)((version << 4) | 5);
            packet[3] = 64;
            Assert.Equal(version is 4 or 6, IpHeader.TryRead(packet, out _));
        }
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(19, false)]
    [InlineData(20, true)]
    [InlineData(28, true)]
    [InlineData(29, false)]
    [InlineData(65_535, false)]
    public void IPv4_length_must_be_honest(int says, bool accepted)
    {
        byte[] packet = PacketIPv4();
        packet[2] = (byte)(says >> 8);
        packet[3] = (byte)says;
        Assert.Equal(accepted, IpHeader.TryRead(packet, out IpHeader header));
        Assert.Equal(accepted ? says : 0, header.Length);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(4, false)]
    [InlineData(5, true)]
    [InlineData(7, true)]
    [InlineData(8, false)] // 32 bytes of header in a packet of 28
    [InlineData(15, false)]
    public void IPv4_header_length_must_be_honest(int words, bool accepted)
    {
        byte[] packet = PacketIPv4();
        packet[0] = (byte)(0x40 | words);
        Assert.Equal(accepted, IpHeader.TryRead(packet, out _));
    }

    [Theory]
    [InlineData(0, true)] // nothing but a header
    [InlineData(8, true)]
    [InlineData(9, false)]
    [InlineData(65_535, false)]
    public void IPv6_length_must_be_honest(int says, bool accepted)
    {
        byte[] packet = PacketIPv6();
        packet[4] = (byte)(says >> 8);
        packet[5] = (byte)says;
        Assert.Equal(accepted, IpHeader.TryRead(packet, out IpHeader header));
        Assert.Equal(accepted ? 40 + says : 0, header.Length);
    }

    [Fact]
    public void Longest_packets_are_read()
    {
        byte[] packet = new byte[40 + 65_535];
        packet[0] = 0x60;
        packet[4] = packet[5] = 0xFF;
        Assert.True(IpHeader.TryRead(packet, out IpHeader header6));
        Assert.Equal(packet.Length, header6.Length);
        packet[0] = 0x45;
        packet[2] = packet[3] = 0xFF;
        Assert.True(IpHeader.TryRead(packet, out IpHeader header4));
        Assert.Equal(65_535, header4.Length);
    }

    [Fact]
    public void Random_bytes_never_throw_and_never_lead_outside()
    {
        var random = new Random(1);
        byte[] buffer = new byte[96];
        int accepted = 0;
        for (int i = 0; i < 200_000; i++)
        {
            Span<byte> packet = buffer.AsSpan(0, random.Next(buffer.Length));
            random.NextBytes(packet);
            if (packet.Length > 5 && random.Next(2) == 0)
            {
                packet[0] = (byte)(random.Next(2) == 0 ? 0x45 : 0x60);
                packet[2] = packet[4] = 0;
            }
            if (!IpHeader.TryRead(packet, out IpHeader header))
                continue;
            accepted++;
            Assert.InRange(header.Length, header.IsIPv6 ? 40 : 20, packet.Length);
            _ = header.IsIPv6 ? header.Source6 ^ header.Destination6 : header.Source4 ^ header.Destination4;
        }
        Assert.True(accepted > 1_000, $"only {accepted} packets were read");
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        byte[] packet4 = PacketIPv4();
        byte[] packet6 = PacketIPv6();
        UInt128 sum = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                IpHeader.TryRead(packet4, out IpHeader header4);
                IpHeader.TryRead(packet6, out IpHeader header6);
                sum += header4.Destination4 + header6.Source6;
            }
        }));
    }
}
