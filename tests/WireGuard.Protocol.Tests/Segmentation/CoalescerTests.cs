using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>Limits, order, and what is passed through.</summary>
public sealed class CoalescerTests
{
    private static readonly FlowSegment Tcp = new() { Payload = new byte[1_000] };
    private static readonly FlowSegment Udp = Tcp with { IsUdp = true };

    [Fact]
    public void Interleaved_flows_are_coalesced_each_for_itself_in_the_order_they_began()
    {
        FlowSegment[] flows = [Tcp, Udp with { IsIPv6 = true }, Tcp with { SourcePort = 9 }, Udp];
        IEnumerable<FlowSegment> packets = Interleave(flows.Select(flow => Row(flow, 5)));
        var batch = new CoalescedBatch(packets.Select(packet => packet.ToBytes()));
        Assert.Equal(
            [SegmentationKind.TcpIPv4, SegmentationKind.Udp, SegmentationKind.TcpIPv4, SegmentationKind.Udp],
            batch.Packets.Select(packet => packet.Kind));
        Assert.All(batch.Packets, packet => Assert.Equal((5, 1_000), (packet.PieceCount, packet.SegmentSize)));
        CoalescedBatch.AssertSame(flows.SelectMany(flow => Row(flow, 5)).Select(packet => packet.ToBytes()), batch.Cut());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Whole_is_at_most_65535_bytes(bool isIPv6, bool isUdp)
    {
        FlowSegment flow = Tcp with { IsIPv6 = isIPv6, IsUdp = isUdp, Payload = new byte[1_300] };
        int fit = (65_535 - flow.PayloadOffset) / 1_300;
        FlowSegment[] row = [.. Row(flow, fit)];
        int left = 65_535 - flow.PayloadOffset - fit * 1_300;
        AssertPieces([fit + 1], [.. row, row[^1].Next(new byte[left])]);
        AssertPieces([fit, 1], [.. row, row[^1].Next(new byte[left + 1])]);
        AssertPieces([fit, fit], [.. Row(flow, 2 * fit)]);
    }

    [Fact]
    public void Whole_is_at_most_64_pieces()
    {
        AssertPieces([64], [.. Row(Tcp, 64)]);
        AssertPieces([64, 64, 2], [.. Row(Tcp, 130)]);
        AssertPieces([64, 1], [.. Row(Udp, 65)]);
    }

    [Fact]
    public void Packet_that_cannot_be_appended_begins_the_next_row_of_its_flow()
    {
        FlowSegment[] before = [.. Row(Tcp, 3)];
        FlowSegment[] after = [.. Row(before[^1] with { Acknowledgement = 99, Sequence = 5 }, 4)];
        AssertPieces([3, 4], [.. before, .. after]);
    }

    [Fact]
    public void Pure_acknowledgement_keeps_its_place_in_its_flow()
    {
        FlowSegment[] row = [.. Row(Tcp, 4)];
        FlowSegment acknowledgement = row[1] with { Payload = [] };
        AssertPieces([2, 1, 2], [.. row[..2], acknowledgement, .. row[2..]]);
    }

    [Fact]
    public void Bad_checksum_is_passed_alone_and_untouched_and_what_follows_is_coalesced()
    {
        byte[][] packets = [.. Row(Tcp, 7).Select(packet => packet.ToBytes())];
        packets[3][^1] ^= 1;
        var batch = new CoalescedBatch(packets);
        Assert.Equal([3, 1, 3], batch.PieceCounts);
        Assert.Equal(packets[3], batch.Bytes[1]);
        CoalescedBatch.AssertSame(packets, batch.Cut());
    }

    [Fact]
    public void Fragments_end_the_rows_between_their_addresses_and_no_others()
    {
        FlowSegment[] row = [.. Row(Udp, 4)];
        FlowSegment[] other = [.. Row(Udp with { Source = 7 }, 4)];
        FlowSegment fragment = Udp with { FragmentBits = 0x2000, DestinationPort = 5 };
        AssertPieces([2, 4, 1, 2], [row[0], other[0], other[1], row[1], fragment, row[2], other[2], row[3], other[3]]);
    }

    [Theory]
    [InlineData(1)] // ICMP
    [InlineData(50)] // ESP
    public void Other_protocols_pass_through_and_end_no_row(byte protocol)
    {
        byte[][] packets = [.. Row(Tcp, 3).Select(packet => packet.ToBytes())];
        byte[] other = Udp.ToBytes();
        other[9] = protocol;
        var batch = new CoalescedBatch([packets[0], other, packets[1], packets[2]]);
        Assert.Equal([3, 1], batch.PieceCounts);
        Assert.Equal(other, batch.Bytes[1]);
    }

    [Fact]
    public void Packets_that_may_not_be_coalesced_are_passed_as_they_came()
    {
        byte[][] packets = [.. Row(Tcp, 5).Select(packet => packet.ToBytes())];
        CoalescedBatch.AssertSame(packets, new CoalescedBatch(packets, mayCoalesce: false).Bytes);
    }

    [Fact]
    public void Packet_that_may_not_be_coalesced_is_not_overtaken()
    {
        byte[][] packets = [.. Row(Tcp, 5).Select(packet => packet.ToBytes())];
        byte[] buffer = [.. packets.SelectMany(packet => packet)];
        var coalescer = new Coalescer(5);
        for (int i = 0; i < 5; i++)
            coalescer.Add(buffer, i * packets[0].Length, HeadersOf(packets[i]), mayCoalesce: i != 2);
        coalescer.Finish(buffer);
        Assert.Equal([2, 1, 2], Enumerable.Range(0, coalescer.Count).Select(i => CoalescedBatch.PieceCount(coalescer, i)));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Superpacket_keeps_its_place_and_what_it_is(bool isIPv6, bool isUdp)
    {
        SegmentationKind kind = isUdp ? SegmentationKind.Udp : isIPv6 ? SegmentationKind.TcpIPv6 : SegmentationKind.TcpIPv4;
        FlowSegment flow = Tcp with { IsIPv6 = isIPv6, IsUdp = isUdp };
        FlowSegment[] before = [.. Row(flow, 2)];
        FlowSegment superpacket = before[1].Next(new byte[9_900]);
        FlowSegment[] after = [.. Row(superpacket.Next(flow.Payload), 2)];
        byte[][] packets = [.. before.Append(superpacket).Concat(after).Select(packet => packet.ToBytes())];
        byte[] buffer = [.. packets.SelectMany(packet => packet)];
        PacketHeaders superpacketHeaders = HeadersOf(packets[2]).LeftUnsegmented(1_000);
        Assert.Equal(kind, superpacketHeaders.Kind);
        var coalescer = new Coalescer(5);
        int offset = 0;
        for (int i = 0; i < 5; i++)
        {
            coalescer.Add(buffer, offset, i == 2 ? superpacketHeaders : HeadersOf(packets[i]));
            offset += packets[i].Length;
        }
        coalescer.Finish(buffer);
        Assert.Equal([2, 1, 2], Enumerable.Range(0, coalescer.Count).Select(i => CoalescedBatch.PieceCount(coalescer, i)));
        Assert.Equal(superpacketHeaders, coalescer[1]);
        Assert.Equal(packets[2], CoalescedBatch.Gather(coalescer, 1, buffer));
    }

    [Fact]
    public void One_flow_more_than_there_is_room_for_takes_the_place_of_one()
    {
        FlowSegment[][] flows =
            [.. Enumerable.Range(0, Coalescer.MaxFlows + 1).Select(i => Row(Tcp with { SourcePort = (ushort)i }, 3).ToArray())];
        FlowSegment[] packets = [.. Interleave(flows[..^1])];
        AssertPieces(Enumerable.Repeat(3, Coalescer.MaxFlows), packets);
        // Each new flow now pushes out the one that would have come next.
        packets = [.. Interleave(flows)];
        var batch = new CoalescedBatch(packets.Select(packet => packet.ToBytes()));
        AssertSameFlows(packets.Select(packet => packet.ToBytes()), batch.Cut());
        AssertPieces(Enumerable.Repeat(3, Coalescer.MaxFlows + 1), [.. flows.SelectMany(flow => flow)]);
    }

    [Fact]
    public void Flows_that_share_a_hash_are_told_apart()
    {
        var random = new Random(1);
        var seen = new Dictionary<uint, FlowSegment>();
        FlowSegment flow, other;
        do
        {
            flow = Tcp with
            {
                Source = (byte)random.Next(256),
                SourcePort = (ushort)random.Next(65_536),
                Payload = [1, 2, 3],
            };
            uint hash = CoalescingRules.FlowOf(flow.ToBytes(), HeadersOf(flow.ToBytes()));
            seen.TryAdd(hash, flow);
            other = seen[hash];
        }
        while ((other.Source, other.SourcePort) == (flow.Source, flow.SourcePort));
        AssertPieces([2, 2], [.. Row(other, 2), .. Row(flow, 2)]);
        AssertPieces([1, 1, 1, 1], [.. Interleave([Row(other, 2), Row(flow, 2)])]);
    }

    [Fact]
    public void Full_is_when_no_more_fit_and_cleared_is_as_new()
    {
        byte[] packet = Tcp.ToBytes();
        byte[] second = Tcp.Next(Tcp.Payload).ToBytes();
        byte[] buffer = [.. packet, .. second];
        var coalescer = new Coalescer(2);
        for (int round = 0; round < 3; round++)
        {
            buffer = [.. packet, .. second];
            Assert.False(coalescer.IsFull);
            coalescer.Add(buffer, 0, HeadersOf(packet));
            Assert.False(coalescer.IsFull);
            coalescer.Add(buffer, packet.Length, HeadersOf(second));
            Assert.True(coalescer.IsFull);
            coalescer.Finish(buffer);
            Assert.Equal(1, coalescer.Count);
            Assert.Equal(2, CoalescedBatch.PieceCount(coalescer, 0));
            coalescer.Clear();
            Assert.Equal(0, coalescer.Count);
        }
        coalescer.Add(buffer, packet.Length, HeadersOf(second)); // follows what was there before the last clear
        Assert.Equal(1, CoalescedBatch.PieceCount(coalescer, 0));
    }

    [Fact]
    public void A_batch_allocates_nothing()
    {
        FlowSegment[] flows = [Tcp, Udp with { IsIPv6 = true }, Tcp with { SourcePort = 9 }, Udp];
        byte[][] packets = [.. Interleave(flows.Select(flow => Row(flow, 20))).Select(packet => packet.ToBytes())];
        byte[] fresh = [.. packets.SelectMany(packet => packet)];
        byte[] buffer = new byte[fresh.Length];
        var coalescer = new Coalescer(packets.Length);
        int pieces = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            fresh.CopyTo(buffer, 0);
            coalescer.Clear();
            int offset = 0;
            foreach (byte[] packet in packets)
            {
                PacketHeaders.TryRead(packet, out PacketHeaders headers);
                coalescer.Add(buffer, offset, headers);
                offset += packet.Length;
            }
            coalescer.Finish(buffer);
            for (int i = 0; i < coalescer.Count; i++)
            {
                foreach (CoalescedPiece piece in coalescer.PiecesOf(i))
                    pieces += piece.Length > 0 ? 1 : 0;
            }
        }));
        Assert.Equal(4, coalescer.Count);
        Assert.Equal(2 * packets.Length, pieces);
    }

    internal static PacketHeaders HeadersOf(byte[] packet)
    {
        Assert.True(PacketHeaders.TryRead(packet, out PacketHeaders headers));
        return headers;
    }

    internal static IEnumerable<FlowSegment> Row(FlowSegment first, int count)
    {
        for (int i = 0; i < count; i++)
        {
            yield return first;
            first = first.Next(first.Payload);
        }
    }

    /// <summary>The packets of each flow, told by version, addresses, protocol and ports, are in the same order.</summary>
    internal static void AssertSameFlows(IEnumerable<byte[]> expected, IEnumerable<byte[]> actual)
    {
        ILookup<string, byte[]> left = expected.ToLookup(FlowOf);
        ILookup<string, byte[]> right = actual.ToLookup(FlowOf);
        Assert.Equal(left.Select(flow => flow.Key).Order(), right.Select(flow => flow.Key).Order());
        foreach (IGrouping<string, byte[]> flow in left)
            CoalescedBatch.AssertSame(flow, right[flow.Key]);
    }

    private static string FlowOf(byte[] packet) => packet[0] >> 4 == 4
        ? Convert.ToHexString(packet, 9, 1) + Convert.ToHexString(packet, 12, 12)
        : Convert.ToHexString(packet, 6, 1) + Convert.ToHexString(packet, 8, 36);

    private static IEnumerable<FlowSegment> Interleave(IEnumerable<IEnumerable<FlowSegment>> flows)
    {
        FlowSegment[][] all = [.. flows.Select(flow => flow.ToArray())];
        return Enumerable.Range(0, all.Max(flow => flow.Length)).SelectMany(i => all.Select(flow => flow[i]));
    }

    private static void AssertPieces(IEnumerable<int> expected, FlowSegment[] segments)
    {
        byte[][] packets = [.. segments.Select(segment => segment.ToBytes())];
        var batch = new CoalescedBatch(packets);
        Assert.Equal(expected, batch.PieceCounts);
        AssertSameFlows(packets, batch.Cut());
    }
}
