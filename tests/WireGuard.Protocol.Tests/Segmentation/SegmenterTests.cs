using System.Buffers.Binary;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

public sealed class SegmenterTests
{
    private static readonly byte[] Payload = [.. Enumerable.Range(0, 25).Select(i => (byte)i)];
    private static readonly TestPacket Tcp = new() { Payload = Payload };

    /// <summary>Two datagrams whose every byte was worked out apart from this code.</summary>
    [Fact]
    public void Datagrams_of_a_known_packet()
    {
        byte[] packet = Convert.FromHexString(
            "45000022FFFF400040110000" + "0A0000010A000002" + "1F900035000E0000" + "616263646566");
        Assert.Equal(
            [
                "45000020FFFF4000401126CB0A0000010A0000021F900035000C074861626364",
                "4500001E00004000401126CD0A0000010A0000021F900035000A66AC6566",
            ],
            Cut(packet, SegmentationKind.Udp, 4).Select(Convert.ToHexString));
    }

    [Fact]
    public void Last_segment_carries_what_is_left() =>
        Assert.Equal([10, 10, 5], CutTcp(Tcp).Select(s => s.Length - 40));

    [Fact]
    public void Payload_that_divides_evenly_leaves_no_empty_segment() =>
        Assert.Equal([10, 10], CutTcp(Tcp with { Payload = Payload[..20] }).Select(s => s.Length - 40));

    [Fact]
    public void Packet_of_one_segment_gets_its_checksum_and_keeps_the_rest()
    {
        TestPacket small = Tcp with { Payload = Payload[..10], Flags = 0xFF };
        Assert.Equal([small.Build()], Cut(small.BuildPartial(), SegmentationKind.TcpIPv4, 10));
        Assert.Equal([small.Build()], Cut(small.BuildPartial(), SegmentationKind.TcpIPv4, 65_535));
    }

    [Fact]
    public void FIN_and_PSH_are_on_the_last_and_CWR_on_the_first_only()
    {
        const int Each = TestPacket.Ack | TestPacket.Ece | TestPacket.Urg;
        Assert.Equal(
            [Each | TestPacket.Cwr, Each, Each | TestPacket.Fin | TestPacket.Psh],
            CutTcp(Tcp with { Flags = Each | TestPacket.Cwr | TestPacket.Fin | TestPacket.Psh }).Select(s => (int)s[33]));
    }

    [Fact]
    public void Upper_flags_beside_the_data_offset_are_on_each() // RFC 9768 has AE there
    {
        byte[] packet = Tcp.BuildPartial();
        packet[32] |= 0x01;
        Assert.All(Cut(packet, SegmentationKind.TcpIPv4, 10), s =>
        {
            Assert.Equal(0x51, s[32]);
            Assert.True(PacketHeaders.TryRead(s, out PacketHeaders headers) && TransportChecksum.IsValid(s, headers));
        });
    }

    [Fact]
    public void Sequence_number_and_identification_wrap()
    {
        List<byte[]> segments = CutTcp(Tcp with { Sequence = 0xFFFF_FFF6, Identification = 0xFFFF });
        Assert.Equal([0xFFFF_FFF6, 0u, 10u], segments.Select(s => BinaryPrimitives.ReadUInt32BigEndian(s.AsSpan(24))));
        Assert.Equal([0xFFFF, 0, 1], segments.Select(s => (int)BinaryPrimitives.ReadUInt16BigEndian(s.AsSpan(4))));
    }

    [Fact]
    public void Checksum_0_of_a_datagram_is_sent_as_all_ones()
    {
        var udp = new TestPacket { IsUdp = true, Payload = [0, 0] };
        byte[] first = udp.Build(); // its checksum, as payload, brings the checksum to 0
        udp = udp with { Payload = [first[26], first[27], 5, 6] };
        Assert.Equal([0xFF, 0xFF], Cut(udp.BuildPartial(), SegmentationKind.Udp, 2)[0][26..28]);
    }

    [Fact]
    public void Pieces_of_several_segments_are_cut_into_the_same_segments()
    {
        byte[] packet = Tcp.BuildPartial();
        Assert.True(TryBegin(packet, SegmentationKind.TcpIPv4, 3, out Segmenter segmenter, 4));
        Assert.Equal(3, segmenter.Count);
        var segments = new List<byte[]>();
        for (int i = 0; i < segmenter.Count; i++)
        {
            byte[] piece = new byte[segmenter.LengthOf(i)];
            segmenter.Write(i, piece);
            segments.AddRange(Cut(piece, SegmentationKind.TcpIPv4, 3));
        }
        Assert.Equal(Cut(packet, SegmentationKind.TcpIPv4, 3), segments);
    }

    [Fact]
    public void Pieces_may_be_written_in_any_order_and_are_written_just_where_they_belong()
    {
        byte[] packet = Tcp.BuildPartial();
        List<byte[]> expected = NaiveSegmenter.Cut(Tcp, 10);
        Assert.True(TryBegin(packet, SegmentationKind.TcpIPv4, 10, out Segmenter segmenter));
        for (int i = 2; i >= 0; i--)
        {
            byte[] room = [.. Enumerable.Repeat((byte)0xEE, 60)];
            Assert.Equal(expected[i].Length, segmenter.Write(i, room));
            Assert.Equal([.. expected[i], .. Enumerable.Repeat((byte)0xEE, 60 - expected[i].Length)], room);
        }
        Assert.Equal(Tcp.BuildPartial(), packet);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(int.MaxValue)]
    public void There_is_no_other_piece(int index)
    {
        byte[] packet = Tcp.BuildPartial();
        Assert.Throws<ArgumentOutOfRangeException>(() =>
        {
            Assert.True(TryBegin(packet, SegmentationKind.TcpIPv4, 10, out Segmenter segmenter));
            segmenter.LengthOf(index);
        });
    }

    [Fact]
    public void Too_little_room_is_refused()
    {
        byte[] packet = Tcp.BuildPartial();
        Assert.Throws<ArgumentOutOfRangeException>(() =>
        {
            Assert.True(TryBegin(packet, SegmentationKind.TcpIPv4, 10, out Segmenter segmenter));
            segmenter.Write(0, new byte[49]);
        });
    }

    [Fact]
    public void Packet_of_no_kind_is_refused()
    {
        byte[] fragment = Tcp.BuildPartial();
        fragment[6] |= 0x20;
        Assert.True(PacketHeaders.TryRead(fragment, out PacketHeaders headers));
        Assert.False(Segmenter.TryBegin(fragment, headers, 10, out _));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-1, 1)]
    [InlineData(65_536, 1)]
    [InlineData(int.MinValue, 1)]
    [InlineData(10, 0)]
    [InlineData(10, -1)]
    [InlineData(10, 32_768)]
    [InlineData(10, int.MaxValue)]
    public void Senseless_sizes_are_refused(int segmentSize, int segmentsPerPiece) =>
        Assert.False(TryBegin(Tcp.BuildPartial(), SegmentationKind.TcpIPv4, segmentSize, out _, segmentsPerPiece));

    [Fact]
    public void Largest_sizes_overflow_nothing()
    {
        TestPacket packet = Tcp with { Payload = new byte[65_495] };
        Assert.Equal([packet.Build()], Cut(packet.BuildPartial(), SegmentationKind.TcpIPv4, 65_535, 32_767));
        Assert.Equal(65_495, Cut(packet.BuildPartial(), SegmentationKind.TcpIPv4, 1).Count);
    }

    [Fact]
    public void Packet_that_carries_nothing_is_refused() => Assert.False(
        TryBegin((Tcp with { Payload = [] }).BuildPartial(), SegmentationKind.TcpIPv4, 10, out _));

    [Fact]
    public void Packet_that_does_not_end_where_it_says_is_refused()
    {
        byte[] packet = Tcp.BuildPartial();
        Assert.True(PacketHeaders.TryRead(packet, out PacketHeaders headers));
        Assert.False(Segmenter.TryBegin([.. packet, 0], headers, 10, out _));
        Assert.False(Segmenter.TryBegin(packet.AsSpan(0, 64), headers, 10, out _));
    }

    internal static bool TryBegin(
        ReadOnlySpan<byte> packet,
        SegmentationKind kind,
        int segmentSize,
        out Segmenter segmenter,
        int segmentsPerPiece = 1)
    {
        segmenter = default;
        return PacketHeaders.TryRead(packet, out PacketHeaders headers) && headers.Kind == kind
            && Segmenter.TryBegin(packet, headers, segmentSize, out segmenter, segmentsPerPiece);
    }

    internal static List<byte[]> Cut(byte[] packet, SegmentationKind kind, int segmentSize, int segmentsPerPiece = 1)
    {
        Assert.True(TryBegin(packet, kind, segmentSize, out Segmenter segmenter, segmentsPerPiece));
        var pieces = new List<byte[]>();
        for (int i = 0; i < segmenter.Count; i++)
        {
            byte[] piece = new byte[segmenter.LengthOf(i)];
            Assert.Equal(piece.Length, segmenter.Write(i, piece));
            pieces.Add(piece);
        }
        return pieces;
    }

    private static List<byte[]> CutTcp(TestPacket packet) => Cut(packet.BuildPartial(), SegmentationKind.TcpIPv4, 10);
}
