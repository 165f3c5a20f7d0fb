using System.Buffers.Binary;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

public sealed class SuperpacketTests
{
    private static readonly byte[] Payload = new byte[3_000];
    private static readonly TestPacket Tcp4 = new() { Payload = Payload };
    private static readonly TestPacket Tcp6 = new() { IsIPv6 = true, Payload = Payload };
    private static readonly TestPacket Udp4 = new() { IsUdp = true, Payload = Payload };
    private static readonly TestPacket Udp6 = new() { IsIPv6 = true, IsUdp = true, Payload = Payload };

    [Fact]
    public void Header_is_that_of_the_protocol()
    {
        byte[] header = new byte[Superpacket.HeaderSize];
        Superpacket.WriteHeader(header, SegmentationKind.TcpIPv6, 1_380);
        Assert.Equal([0x02, 0x02, 0x64, 0x05], header);
        Assert.True(Superpacket.IsSuperpacket(header));
    }

    [Fact]
    public void Every_kind_is_read_with_padding_behind_it()
    {
        foreach (TestPacket packet in (TestPacket[])[Tcp4, Tcp6, Udp4, Udp6])
        {
            byte[] bytes = packet.BuildPartial();
            byte[] payload = new byte[Superpacket.HeaderSize + bytes.Length + 15];
            Superpacket.WriteHeader(payload, packet.Kind, 1_200);
            bytes.CopyTo(payload, Superpacket.HeaderSize);
            Assert.True(Superpacket.TryRead(payload, out PacketHeaders read));
            Assert.True(PacketHeaders.TryRead(bytes, out PacketHeaders headers));
            Assert.Equal(headers.LeftUnsegmented(1_200), read);
            Assert.Equal((packet.Kind, 1_200), (read.Kind, (int)read.SegmentSize));
            Assert.True(read.NeedsOwnChecksum);
        }
    }

    [Fact]
    public void Largest_one_fits_a_frame_when_it_is_padded()
    {
        const int Padding = 16;
        int padded = (Superpacket.HeaderSize + Superpacket.LargestAccepted + Padding - 1) / Padding * Padding;
        Assert.InRange(TransportMessage.Overhead + padded, 0, FrameCodec.MaxMessageSize);
        Assert.True(IsRead(Tcp4 with { Payload = new byte[Superpacket.LargestAccepted - 40] }, SegmentationKind.TcpIPv4, 1_380));
    }

    [Fact]
    public void Longer_one_than_that_is_refused() => Assert.False(
        IsRead(Tcp4 with { Payload = new byte[Superpacket.LargestAccepted - 39] }, SegmentationKind.TcpIPv4, 1_380));

    [Theory]
    [InlineData(64 * 500, true)]
    [InlineData((64 * 500) + 1, false)]
    public void Udp_has_64_segments_at_most(int payload, bool expected)
    {
        foreach (bool isIPv6 in (bool[])[false, true])
        {
            var packet = new TestPacket { IsIPv6 = isIPv6, IsUdp = true, Payload = new byte[payload] };
            Assert.Equal(expected, IsRead(packet, packet.Kind, 500));
            packet = packet with { IsUdp = false };
            Assert.True(IsRead(packet, packet.Kind, 500));
        }
    }

    [Fact]
    public void Packet_of_one_segment_is_read()
    {
        Assert.True(Superpacket.TryRead(Of(Tcp4, SegmentationKind.TcpIPv4, 3_000), out PacketHeaders read));
        Assert.Equal(0, read.SegmentSize);
        Assert.True(read.NeedsOwnChecksum);
    }

    [Theory]
    [InlineData(0x00)]
    [InlineData(0x01)] // HELLO
    [InlineData(0x03)]
    [InlineData(0x45)]
    public void Other_types_are_refused(byte type)
    {
        byte[] payload = Of(Tcp4, SegmentationKind.TcpIPv4, 1_000);
        payload[0] = type;
        Assert.False(Superpacket.IsSuperpacket(payload));
        Assert.False(Superpacket.TryRead(payload, out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(0x81)] // with the bit that virtio-net has for ECN
    [InlineData(255)]
    public void Unknown_kind_is_refused(byte kind)
    {
        foreach (TestPacket packet in (TestPacket[])[Tcp4, Tcp6, Udp4, Udp6])
            Assert.False(IsRead(packet, (SegmentationKind)kind, 1_000));
    }

    [Fact]
    public void Kind_that_is_not_the_packets_is_refused()
    {
        foreach (TestPacket packet in (TestPacket[])[Tcp4, Tcp6, Udp4, Udp6])
        {
            foreach (SegmentationKind kind in Enum.GetValues<SegmentationKind>())
                Assert.Equal(kind == packet.Kind, IsRead(packet, kind, 1_000));
        }
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(499, false)]
    [InlineData(500, true)]
    [InlineData(3_040, true)] // the packet's length
    [InlineData(3_041, false)]
    [InlineData(65_535, false)]
    public void Segment_size_is_between_500_and_the_packet(ushort segmentSize, bool isRead) =>
        Assert.Equal(isRead, IsRead(Tcp4, SegmentationKind.TcpIPv4, segmentSize));

    [Fact]
    public void Padding_does_not_make_the_packet_longer()
    {
        byte[] payload = [.. Of(Tcp4, SegmentationKind.TcpIPv4, 3_041), .. new byte[15]];
        Assert.False(Superpacket.TryRead(payload, out _));
    }

    [Fact]
    public void Nothing_that_is_cut_short_is_read()
    {
        byte[] payload = Of(Udp6, SegmentationKind.Udp, 1_000);
        for (int length = 0; length < payload.Length; length++)
            Assert.False(Superpacket.TryRead(payload.AsSpan(0, length), out _));
        Assert.True(Superpacket.TryRead(payload, out _));
    }

    [Fact]
    public void Packet_that_carries_nothing_is_refused() => Assert.False(
        IsRead(Tcp6 with { Payload = [], Extensions = [(60, LongExtension())] }, SegmentationKind.TcpIPv6, 500));

    [Theory]
    [InlineData(TestPacket.Syn)]
    [InlineData(TestPacket.Rst)]
    [InlineData(TestPacket.Urg)]
    public void Flags_that_segments_cannot_share_are_refused(byte flag)
    {
        TestPacket packet = Tcp4 with { Flags = (byte)(TestPacket.Ack | flag) };
        Assert.False(IsRead(packet, SegmentationKind.TcpIPv4, 2_999));
        Assert.True(IsRead(packet, SegmentationKind.TcpIPv4, 3_000)); // one segment
    }

    [Fact]
    public void Other_flags_do_no_harm() => Assert.True(IsRead(
        Tcp4 with { Flags = TestPacket.Fin | TestPacket.Psh | TestPacket.Ack | TestPacket.Ece | TestPacket.Cwr },
        SegmentationKind.TcpIPv4, 1_000));

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void Length_of_UDP_that_is_not_that_of_IP_is_refused(int lie)
    {
        byte[] payload = [.. Of(Udp4, SegmentationKind.Udp, 1_000), 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(4 + 20 + 4), (ushort)(3_008 + lie));
        Assert.False(Superpacket.TryRead(payload, out _));
    }

    [Fact]
    public void Fragment_is_refused()
    {
        byte[] payload = Of(Udp4, SegmentationKind.Udp, 1_000);
        payload[4 + 6] |= 0x20;
        Assert.False(Superpacket.TryRead(payload, out _));
    }

    private static byte[] LongExtension()
    {
        byte[] extension = new byte[1_024];
        extension[1] = 127;
        return extension;
    }

    private static byte[] Of(TestPacket packet, SegmentationKind kind, ushort segmentSize)
    {
        byte[] header = new byte[Superpacket.HeaderSize];
        Superpacket.WriteHeader(header, kind, segmentSize);
        return [.. header, .. packet.BuildPartial()];
    }

    private static bool IsRead(TestPacket packet, SegmentationKind kind, ushort segmentSize) =>
        Superpacket.TryRead(Of(packet, kind, segmentSize), out _);
}
