using CsCheck;
using static WireGuard.Protocol.Tests.Segmentation.FlowSegment;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>What holds for any packets in any order.</summary>
public sealed class CoalescerPropertyTests
{
    /// <summary>One unsegmented packet: its flow, what it is segmented into.</summary>
    private static readonly Gen<(FlowSegment Whole, int SegmentSize)> GenWhole = Gen.Select(
        Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool),
        Gen.Select(Gen.UShort, Gen.UInt, Gen.UInt, Gen.UShort),
        Gen.Select(OneOf<byte[]>([], [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 0]), Gen.Byte, Gen.Byte[1, 255]),
        Gen.Select(OneOf(Ack, (byte)(Ack | Psh), (byte)(Ack | Ece), (byte)(Ack | Fin | Psh)), Gen.Bool),
        Gen.Select(Gen.Int[1, 1_500], Gen.Int[1, 40], Gen.Int[0, int.MaxValue])).Select(
        (kind, numbers, header, end, size) =>
        {
            (bool isIPv6, bool isUdp, bool mayFragment) = kind;
            (ushort id, uint sequence, uint acknowledgement, ushort window) = numbers;
            (byte[] options, byte trafficClass, byte hopLimit) = header;
            (int segmentSize, int segments, int seed) = size;
            byte[] payload = new byte[segmentSize * (segments - 1) + 1 + seed % segmentSize];
            new Random(seed).NextBytes(payload);
            return (new FlowSegment
            {
                IsIPv6 = isIPv6,
                IsUdp = isUdp,
                FragmentBits = (ushort)(mayFragment ? 0 : 0x4000),
                Id = id,
                Sequence = sequence,
                Acknowledgement = acknowledgement,
                Window = window,
                TcpOptions = options,
                TrafficClass = trafficClass,
                HopLimit = hopLimit,
                Flags = end.Item1,
                Payload = payload,
            }, segmentSize);
        });

    /// <summary>A packet that does not fit into its flow's row as well as it might, of one of a few flows.</summary>
    private static readonly Gen<(int Flow, int Change, int Length)> GenStep =
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 40], Gen.Int[0, 3]);

    [Fact]
    public void Segmented_then_coalesced_is_as_before_however_flows_interleave() =>
        Gen.Select(GenWhole.Array[1, 8], Gen.Int[0, int.MaxValue]).Sample((wholes, seed) =>
        {
            FlowSegment[][] flows =
                [.. wholes.Select((whole, i) => CutNaively(whole.Whole with { SourcePort = (ushort)i }, whole.SegmentSize))];
            FlowSegment[] interleaved = [.. Interleave(flows, new Random(seed))];
            var batch = new CoalescedBatch(interleaved.Select(packet => packet.ToBytes()));
            int[] order = [.. interleaved.Select(packet => (int)packet.SourcePort).Distinct()];
            Assert.Equal(order.Length, batch.Packets.Count);
            for (int i = 0; i < order.Length; i++)
            {
                FlowSegment whole = wholes[order[i]].Whole with { SourcePort = (ushort)order[i] };
                CoalescedBatch.AssertSame([WithoutChecksum(whole, whole.ToBytes())], [WithoutChecksum(whole, batch.Bytes[i])]);
                Assert.Equal(flows[order[i]].Length, batch.Packets[i].PieceCount);
                if (flows[order[i]].Length > 1)
                    Assert.Equal(wholes[order[i]].SegmentSize, batch.Packets[i].SegmentSize);
            }
            CoalescedBatch.AssertSame(order.SelectMany(flow => flows[flow]).Select(packet => packet.ToBytes()), batch.Cut());
        }, iter: 100);

    [Fact]
    public void Packets_of_a_flow_are_never_lost_changed_or_reordered() =>
        GenStep.Array[1, 120].Sample(steps =>
        {
            byte[][] packets = [.. Walk(steps)];
            var batch = new CoalescedBatch(packets);
            CoalescerTests.AssertSameFlows(packets, batch.Cut());
            Assert.Equal(packets.Length, batch.PieceCounts.Sum());
        }, iter: 1_000);

    [Fact]
    public void Walks_of_that_test_coalesce_some_packets_and_not_others()
    {
        var random = new Random(1);
        var steps = Enumerable.Range(0, 5_000).Select(_ => (random.Next(6), random.Next(41), random.Next(4)));
        int[] pieces = [.. new CoalescedBatch(Walk(steps)).PieceCounts];
        Assert.InRange(pieces.Length, 1_000, 4_000);
    }

    [Fact]
    public void Garbage_is_passed_as_it_came() =>
        Gen.Select(Gen.Byte.Array[0, 120], OneOf<byte>(0x45, 0x46, 0x60, 0x6F, 0x00, 0x4F), OneOf<byte>(6, 17, 44, 1))
            .Select((bytes, version, protocol) =>
            {
                if (bytes.Length > 9)
                    (bytes[0], bytes[9], bytes[6]) = (version, protocol, version < 0x60 ? (byte)0 : protocol);
                if (bytes.Length > 9 && version < 0x60)
                    (bytes[2], bytes[3], bytes[7]) = (0, (byte)bytes.Length, 0);
                else if (bytes.Length >= 40)
                    (bytes[4], bytes[5]) = (0, (byte)(bytes.Length - 40));
                return bytes;
            }).Array[1, 20].Sample(packets =>
            {
                byte[][] twice = [.. packets.SelectMany(packet => new[] { packet, packet })]; // the same flow again
                var batch = new CoalescedBatch(twice);
                CoalescedBatch.AssertSame(batch.Given, batch.Bytes);
            }, iter: 2_000);

    /// <summary>No checksum is mended: headers differ, or a checksum is wrong.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Flipped_bit_anywhere_keeps_a_packet_out_of_a_row(bool isIPv6, bool isUdp)
    {
        var first = new FlowSegment { IsIPv6 = isIPv6, IsUdp = isUdp, Payload = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] };
        byte[] second = first.Next(first.Payload).ToBytes();
        for (int bit = 0; bit < second.Length * 8; bit++)
        {
            byte[] flipped = [.. second];
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            foreach (byte[][] packets in (byte[][][])[[first.ToBytes(), flipped], [flipped, second]])
            {
                var batch = new CoalescedBatch(packets);
                CoalescedBatch.AssertSame(batch.Given, batch.Bytes);
            }
        }
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static FlowSegment[] CutNaively(FlowSegment whole, int segmentSize)
    {
        var segments = new List<FlowSegment>();
        for (int begin = 0; begin < whole.Payload.Length; begin += segmentSize)
        {
            int end = Math.Min(begin + segmentSize, whole.Payload.Length);
            segments.Add(whole with
            {
                Payload = whole.Payload[begin..end],
                Id = (ushort)(whole.Id + segments.Count),
                Sequence = whole.Sequence + (uint)begin,
                Flags = end == whole.Payload.Length ? whole.Flags : (byte)(whole.Flags & ~(Psh | Fin)),
            });
        }
        return [.. segments];
    }

    private static IEnumerable<FlowSegment> Interleave(FlowSegment[][] flows, Random random)
    {
        int[] next = new int[flows.Length];
        while (true)
        {
            int[] left = [.. Enumerable.Range(0, flows.Length).Where(i => next[i] < flows[i].Length)];
            if (left.Length == 0)
                yield break;
            int flow = left[random.Next(left.Length)];
            yield return flows[flow][next[flow]++];
        }
    }

    private static byte[] WithoutChecksum(FlowSegment segment, byte[] packet)
    {
        packet = [.. packet];
        packet.AsSpan(segment.TransportOffset + (segment.IsUdp ? 6 : 16), 2).Clear();
        return packet;
    }

    private static IEnumerable<byte[]> Walk(IEnumerable<(int Flow, int Change, int Length)> steps)
    {
        int[] lengths = [0, 1, 64, 64];
        FlowSegment[] flows = [.. Enumerable.Range(0, 6).Select(i => new FlowSegment
        {
            IsIPv6 = i % 2 == 0,
            IsUdp = i % 3 == 0,
            SourcePort = (ushort)(i / 2),
        })];
        byte mark = 0;
        foreach ((int flow, int change, int length) in steps)
        {
            byte[] payload = new byte[lengths[length]];
            payload.AsSpan().Fill(mark++); // so that an exchange of two packets shows
            FlowSegment next = flows[flow].Next(payload);
            flows[flow] = Change(next, change) with { Payload = payload };
            byte[] packet = Change(next, change).ToBytes();
            if (change == 1)
                packet[^1] ^= 0x80;
            yield return packet;
        }
    }

    /// <summary>One thing out of the row, now and then; it stays so for the packets that follow.</summary>
    private static FlowSegment Change(FlowSegment segment, int change) => change switch
    {
        2 => segment with { Flags = Ack | Psh },
        3 => segment with { Flags = Ack },
        4 => segment with { Flags = Ack | Ece },
        5 => segment with { Flags = Ack | Cwr },
        6 => segment with { Acknowledgement = segment.Acknowledgement + 1 },
        7 => segment with { Window = (ushort)(segment.Window + 1) },
        8 => segment with { TrafficClass = (byte)(segment.TrafficClass ^ 3) },
        9 => segment with { HopLimit = (byte)(segment.HopLimit ^ 1) },
        10 => segment with { FlowLabel = segment.FlowLabel ^ 1 },
        11 => segment with { Id = (ushort)(segment.Id + 5) },
        12 => segment with { Sequence = segment.Sequence + 3 },
        13 => segment with { TcpOptions = segment.TcpOptions.Length == 0 ? [1, 1, 1, 1] : [] },
        14 => segment with { FragmentBits = (ushort)(segment.FragmentBits ^ 0x4000) },
        _ => segment,
    };
}
