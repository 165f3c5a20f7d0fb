using System.Runtime.InteropServices;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Tun;

public sealed class VirtioHeaderTests
{
    private const byte Tcp4 = VIRTIO_NET_HDR_GSO_TCPV4, Tcp6 = VIRTIO_NET_HDR_GSO_TCPV6, Udp = VIRTIO_NET_HDR_GSO_UDP_L4;

    [Fact]
    public unsafe void It_has_ten_bytes() => Assert.Equal(VirtioHeader.Size, sizeof(virtio_net_hdr));

    [Fact]
    public void Its_fields_lie_where_the_specification_says()
    {
        byte[] header = new byte[10];
        PacketHeaders headers = new()
        {
            Kind = SegmentationKind.TcpIPv6,
            SegmentSize = 0x0102,
            PartialStart = 0x0304,
            PartialOffset = 0x0506,
            PayloadOffset = 0x0708,
            TcpFlags = PacketHeaders.TcpCwr,
        };
        VirtioHeader.Write(header, headers);
        Assert.Equal([1, 0x84, 0x08, 0x07, 0x02, 0x01, 0x04, 0x03, 0x06, 0x05], header);
    }

    [Fact]
    public void A_zero_header_is_a_packet_with_nothing_left_to_do()
    {
        Assert.True(VirtioHeader.TryRead(new byte[10], IPv4(6), out PacketHeaders headers));
        Assert.True(PacketHeaders.TryRead(IPv4(6), out PacketHeaders ofPacket));
        Assert.Equal(ofPacket, headers);
        byte[] header = [.. Enumerable.Repeat((byte)0xff, 10)];
        VirtioHeader.Write(header, headers);
        Assert.Equal(new byte[10], header);
    }

    [Theory]
    [InlineData(SegmentationKind.TcpIPv4, Tcp4, 20, 16)]
    [InlineData(SegmentationKind.TcpIPv6, Tcp6, 40, 16)]
    [InlineData(SegmentationKind.Udp, Udp, 20, 6)]
    [InlineData(SegmentationKind.Udp, Udp, 40, 6)]
    [InlineData(SegmentationKind.None, VIRTIO_NET_HDR_GSO_NONE, 20, 16)]
    [InlineData(SegmentationKind.None, VIRTIO_NET_HDR_GSO_NONE, 40, 2)]
    internal void What_was_written_is_read(SegmentationKind kind, byte type, ushort start, ushort offset)
    {
        bool isUdp = kind == SegmentationKind.Udp;
        byte[] packet = start == 20 ? IPv4(isUdp ? (byte)17 : (byte)6) : IPv6(isUdp ? (byte)17 : (byte)6);
        foreach (bool hasCwr in new[] { false, true })
        {
            packet[start + 13] = hasCwr && !isUdp ? PacketHeaders.TcpCwr : (byte)0;
            Assert.True(PacketHeaders.TryRead(packet, out PacketHeaders headers));
            headers = headers with
            {
                SegmentSize = kind == SegmentationKind.None ? (ushort)0 : (ushort)100,
                PartialStart = start,
                PartialOffset = offset,
            };
            byte[] header = new byte[10];
            VirtioHeader.Write(header, headers);
            Assert.Equal(hasCwr && type is (Tcp4 or Tcp6) ? type | VIRTIO_NET_HDR_GSO_ECN : type, header[1]);
            Assert.True(VirtioHeader.TryRead(header, packet, out PacketHeaders read));
            Assert.Equal(headers, read);
        }
    }

    [Fact]
    public void That_a_checksum_was_verified_asks_for_nothing()
    {
        byte[] header = Header(0, 0, 0, 0, flags: VIRTIO_NET_HDR_F_DATA_VALID);
        Assert.True(VirtioHeader.TryRead(header, IPv4(6), out PacketHeaders headers));
        Assert.False(headers.NeedsChecksum);
        Assert.Equal(0, headers.SegmentSize);
    }

    [Fact]
    public void The_kernels_header_length_is_not_believed()
    {
        byte[] header = Header(Tcp4, 100, 20, 16);
        header[2] = header[3] = 0xff;
        Assert.True(VirtioHeader.TryRead(header, IPv4(6), out _));
    }

    [Fact]
    public void A_header_cut_short_is_refused() => Assert.False(VirtioHeader.TryRead(new byte[9], IPv4(6), out _));

    [Fact]
    public void A_partial_checksum_of_no_packet_is_refused() => Refused(Header(0, 0, 20, 16), []);

    [Theory]
    [InlineData(VIRTIO_NET_HDR_GSO_UDP)]
    [InlineData(2)]
    [InlineData(6)]
    [InlineData(0x40)]
    [InlineData(VIRTIO_NET_HDR_GSO_ECN)]
    [InlineData(Udp | VIRTIO_NET_HDR_GSO_ECN)]
    public void An_unknown_kind_is_refused(byte type) => Refused(Header(type, 100, 20, 16), IPv4(6), IPv4(17), IPv6(), IPv6(17));

    [Theory]
    [InlineData(Tcp4, 20, 16)]
    [InlineData(Udp, 20, 6)]
    public void A_segment_size_of_zero_is_refused(byte type, ushort start, ushort offset) =>
        Refused(Header(type, 0, start, offset), IPv4(6), IPv4(17));

    [Fact]
    public void Segments_without_a_partial_checksum_are_refused() => Refused(Header(Tcp4, 100, 20, 16, flags: 0), IPv4(6));

    [Theory]
    [InlineData(183)]
    [InlineData(199)]
    [InlineData(200)]
    [InlineData(65_535)]
    public void A_checksum_beyond_the_packet_is_refused(ushort start)
    {
        Refused(Header(0, 0, start, 16), IPv4(6), IPv6());
        Refused(Header(0, 0, 40, start), IPv4(6), IPv6());
        Refused(Header(0, 0, start, 65_535), IPv4(6), IPv6());
    }

    [Fact]
    public void A_checksum_may_be_the_packets_last_word() =>
        Assert.True(VirtioHeader.TryRead(Header(0, 0, 182, 16), IPv4(6), out _));

    [Theory]
    [InlineData(0)]
    [InlineData(19)]
    public void A_checksum_that_begins_in_the_IPv4_header_is_refused(ushort start) => Refused(Header(0, 0, start, 16), IPv4(6));

    [Fact]
    public void A_checksum_that_begins_in_the_IPv4_options_is_refused() => Refused(Header(0, 0, 20, 16), IPv4(6, headerWords: 6));

    [Fact]
    public void A_checksum_that_begins_in_the_IPv6_header_is_refused() => Refused(Header(0, 0, 39, 16), IPv6());

    [Fact]
    public void A_checksum_of_neither_IPv4_nor_IPv6_is_refused() => Refused(Header(0, 0, 40, 16), new byte[200]);

    [Fact]
    public void Segments_of_TCP_over_the_other_IP_are_refused()
    {
        Refused(Header(Tcp6, 100, 20, 16), IPv4(6));
        Refused(Header(Tcp6, 100, 40, 16), IPv4(6));
        Refused(Header(Tcp4, 100, 40, 16), IPv6());
    }

    [Fact]
    public void Segments_of_another_protocol_are_refused()
    {
        Refused(Header(Tcp4, 100, 20, 16), IPv4(17));
        Refused(Header(Udp, 100, 20, 6), IPv4(6));
    }

    [Fact]
    public void Segments_that_do_not_begin_behind_the_IPv4_header_are_refused() =>
        Refused(Header(Tcp4, 100, 24, 16), IPv4(6), IPv4(6, headerWords: 7));

    [Fact]
    public void Segments_with_the_checksum_elsewhere_are_refused()
    {
        Refused(Header(Tcp4, 100, 20, 6), IPv4(6));
        Refused(Header(Tcp6, 100, 40, 18), IPv6());
        Refused(Header(Udp, 100, 20, 16), IPv4(17));
        Refused(Header(Udp, 100, 40, 16), IPv6(17));
    }

    [Fact]
    public void Segments_of_a_packet_that_does_not_end_where_it_says_are_refused()
    {
        Refused(Header(Tcp4, 100, 20, 16), [.. IPv4(6), 0], IPv4(6)[..^1]);
        Refused(Header(Tcp6, 100, 40, 16), [.. IPv6(), 0], IPv6()[..^1]);
        Refused(Header(Udp, 100, 40, 6), [.. IPv6(17), 0], IPv6(17)[..^1]);
    }

    [Fact]
    public void Segments_that_do_not_begin_behind_the_IPv6_extension_headers_are_refused()
    {
        byte[] packet = [.. IPv6()[..40], 6, 0, 1, 4, 0, 0, 0, 0, .. IPv6()[40..]];
        packet[6] = 60;
        packet[5] += 8;
        Assert.True(VirtioHeader.TryRead(Header(Tcp6, 100, 48, 16), packet, out _));
        Refused(Header(Tcp6, 100, 40, 16), packet);
        Refused(Header(Tcp6, 100, 56, 16), packet);
    }

    [Theory]
    [InlineData(6, 0x20)] // more fragments
    [InlineData(6, 0x01)]
    [InlineData(7, 0x01)]
    public void Segments_of_a_fragment_are_refused(int index, byte value)
    {
        byte[] packet = IPv4(6);
        packet[index] = value;
        Refused(Header(Tcp4, 100, 20, 16), packet);
    }

    [Fact]
    public void Segments_with_a_TCP_header_cut_short_are_refused()
    {
        Refused(Header(Tcp4, 100, 20, 16), IPv4(6, length: 39), IPv4(6, length: 40));
        Refused(Header(Tcp6, 100, 40, 16), IPv6(length: 59), IPv6(length: 60));
        byte[] optionsBeyond = IPv4(6, length: 79);
        optionsBeyond[32] = 0xf0;
        Refused(Header(Tcp4, 100, 20, 16), optionsBeyond);
    }

    [Fact]
    public void Segments_with_a_TCP_header_too_small_are_refused()
    {
        byte[] packet = IPv4(6);
        packet[32] = 0x40;
        Refused(Header(Tcp4, 100, 20, 16), packet);
    }

    [Fact]
    public void Segments_of_UDP_without_payload_are_refused() => Refused(
        Header(Udp, 100, 20, 6), IPv4(17, length: 28), IPv4(17, length: 27));

    [Fact]
    public void Random_bytes_never_throw_and_what_passes_lies_within_the_packet()
    {
        Random random = new(1);
        byte[] header = new byte[10], room = new byte[120];
        int passed = 0, cut = 0;
        for (int i = 0; i < 500_000; i++)
        {
            Span<byte> packet = room.AsSpan(0, random.Next(room.Length));
            random.NextBytes(packet);
            random.NextBytes(header);
            if (i % 4 != 0)
            {
                // Nearly right, so that every check is reached.
                header[0] &= 3;
                header[1] = (byte)(random.Next(6) | (random.Next(4) == 0 ? 0x80 : 0));
                foreach (int high in new[] { 7, 9 }) header[high] = 0;
                header[6] = (byte)(random.Next(4) == 0 ? random.Next(120) : random.Next(2) * 20 + 20);
                header[8] = (byte)(random.Next(2) == 0 ? 6 : 16);
                if (!packet.IsEmpty) packet[0] = (byte)(random.Next(2) == 0 ? 0x45 : 0x60);
                if (packet.Length > 9)
                {
                    packet[6] = packet[7] = 0;
                    packet[9] = (byte)(random.Next(2) == 0 ? 6 : 17);
                    packet[2] = packet[4] = 0;
                    packet[3] = (byte)packet.Length;
                    packet[5] = (byte)(packet.Length - 40);
                    if (packet[0] == 0x60) packet[6] = packet[9];
                    int transport = packet[0] == 0x60 ? 40 : 20;
                    if (packet.Length > transport + 12)
                    {
                        packet[transport + 4] = 0;
                        packet[transport + 5] = (byte)(packet.Length - transport);
                        packet[transport + 12] = (byte)(random.Next(4, 8) << 4);
                    }
                }
            }

            if (!VirtioHeader.TryRead(header, packet, out PacketHeaders headers)) continue;
            passed++;
            if (headers.NeedsChecksum)
                Assert.InRange(headers.PartialStart + headers.PartialOffset + 2, headers.IpHeaderSize + 2, packet.Length);
            if (headers.SegmentSize == 0) continue;
            cut++;
            Assert.True(headers.NeedsOwnChecksum && headers.Length == packet.Length);
            int size = headers.Kind == SegmentationKind.Udp ? 8 : packet[headers.PartialStart + 12] >> 4 << 2;
            Assert.InRange(headers.PartialStart + size, 28, packet.Length - 1);
        }

        Assert.InRange(passed, 10_000, 490_000);
        Assert.InRange(cut, 1_000, passed);
    }

    private static void Refused(byte[] header, params byte[][] packets)
    {
        foreach (byte[] packet in packets)
        {
            Assert.False(VirtioHeader.TryRead(header, packet, out PacketHeaders headers));
            Assert.Equal(default, headers);
        }
    }

    private static byte[] Header(byte type, ushort size, ushort start, ushort offset, byte flags = VIRTIO_NET_HDR_F_NEEDS_CSUM)
    {
        virtio_net_hdr header = new()
        {
            flags = flags,
            gso_type = type,
            gso_size = size,
            csum_start = start,
            csum_offset = offset,
        };
        byte[] bytes = new byte[10];
        MemoryMarshal.Write(bytes, in header);
        return bytes;
    }

    /// <summary>With a TCP or UDP header of 20 or 8 bytes behind the IP header, and every length right.</summary>
    private static byte[] IPv4(byte protocol, int headerWords = 5, int length = 200)
    {
        byte[] packet = new byte[length];
        packet[0] = (byte)(0x40 | headerWords);
        packet[3] = (byte)length;
        packet[9] = protocol;
        WriteTransport(packet.AsSpan(headerWords * 4), protocol);
        return packet;
    }

    /// <inheritdoc cref="IPv4"/>
    private static byte[] IPv6(byte protocol = 6, int length = 200)
    {
        byte[] packet = new byte[length];
        packet[0] = 0x60;
        packet[5] = (byte)(length - 40);
        packet[6] = protocol;
        WriteTransport(packet.AsSpan(40), protocol);
        return packet;
    }

    private static void WriteTransport(Span<byte> transport, byte protocol)
    {
        if (protocol == 17 && transport.Length > 5)
            transport[5] = (byte)transport.Length;
        else if (protocol == 6 && transport.Length > 12)
            transport[12] = 0x50;
    }
}
