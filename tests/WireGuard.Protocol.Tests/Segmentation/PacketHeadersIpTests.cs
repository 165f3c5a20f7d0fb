using System.Buffers.Binary;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

public sealed class PacketHeadersIpTests
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
        Assert.True(PacketHeaders.TryRead(PacketIPv4(), out PacketHeaders header));
        Assert.False(header.IsIPv6);
        Assert.Equal(28, header.Length);
        Assert.Equal(0xC0000201, BinaryPrimitives.ReadUInt32BigEndian(header.Source(PacketIPv4())));
        Assert.Equal(0xC6336402, BinaryPrimitives.ReadUInt32BigEndian(header.Destination(PacketIPv4())));
    }

    [Fact]
    public void IPv6_addresses_and_length_are_read()
    {
        Assert.True(PacketHeaders.TryRead(PacketIPv6(), out PacketHeaders header));
        Assert.True(header.IsIPv6);
        Assert.Equal(48, header.Length);
        Assert.Equal(new UInt128(0x20010DB8_00000000, 1), BinaryPrimitives.ReadUInt128BigEndian(header.Source(PacketIPv6())));
        Assert.Equal(
            new UInt128(0x20010DB8_00000000, 2), BinaryPrimitives.ReadUInt128BigEndian(header.Destination(PacketIPv6())));
    }

    [Fact]
    public void Padding_is_not_part_of_the_packet()
    {
        Assert.True(PacketHeaders.TryRead([.. PacketIPv4(), .. new byte[4]], out PacketHeaders header4));
        Assert.Equal(28, header4.Length);
        Assert.True(PacketHeaders.TryRead([.. PacketIPv6(), .. new byte[15]], out PacketHeaders header6));
        Assert.Equal(48, header6.Length);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        foreach (byte[] packet in new[] { PacketIPv4(), PacketIPv6() })
        {
            for (int length = 0; length < packet.Length; length++)
                Assert.False(PacketHeaders.TryRead(packet.AsSpan(0, length), out _), $"{length} bytes");
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
            Assert.Equal(version is 4 or 6, PacketHeaders.TryRead(packet, out _));
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
        Assert.Equal(accepted, PacketHeaders.TryRead(packet, out PacketHeaders header));
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
        Assert.Equal(accepted, PacketHeaders.TryRead(packet, out _));
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
        Assert.Equal(accepted, PacketHeaders.TryRead(packet, out PacketHeaders header));
        Assert.Equal(accepted ? 40 + says : 0, header.Length);
    }

    [Fact]
    public void Longest_packets_are_read()
    {
        byte[] packet = new byte[40 + 65_535];
        packet[0] = 0x60;
        packet[4] = packet[5] = 0xFF;
        Assert.True(PacketHeaders.TryRead(packet, out PacketHeaders header6));
        Assert.Equal(packet.Length, header6.Length);
        packet[0] = 0x45;
        packet[2] = packet[3] = 0xFF;
        Assert.True(PacketHeaders.TryRead(packet, out PacketHeaders header4));
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
            if (!PacketHeaders.TryRead(packet, out PacketHeaders header))
                continue;
            accepted++;
            Assert.InRange(header.Length, header.IsIPv6 ? 40 : 20, packet.Length);
            Assert.Equal(header.Source(packet).Length, header.Destination(packet).Length);
        }
        Assert.True(accepted > 1_000, $"only {accepted} packets were read");
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        byte[] packet4 = PacketIPv4();
        byte[] packet6 = PacketIPv6();
        int sum = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                PacketHeaders.TryRead(packet4, out PacketHeaders header4);
                PacketHeaders.TryRead(packet6, out PacketHeaders header6);
                sum += header4.Destination(packet4).Length + header6.Source(packet6).Length;
            }
        }));
    }
}
