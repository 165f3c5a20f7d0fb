using System.Buffers.Binary;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>A receive buffer with packets in it, run through a coalescer, and cut again the slow and obvious way.</summary>
internal sealed class CoalescedBatch
{
    private const int Gap = 39; // what lies between packets in a stream; odd, so that nothing is aligned

    public CoalescedBatch(IEnumerable<byte[]> packets, bool allowUdp = true, bool mayCoalesce = true)
    {
        byte[][] all = [.. packets];
        var coalescer = new Coalescer(Math.Max(all.Length, 1), allowUdp);
        byte[] buffer = new byte[all.Sum(packet => packet.Length + Gap)];
        Array.Fill(buffer, (byte)0xA5);
        int offset = 0;
        foreach (byte[] packet in all)
        {
            offset += Gap;
            packet.CopyTo(buffer, offset);
            coalescer.Add(buffer, offset, packet.Length, mayCoalesce);
            offset += packet.Length;
        }
        coalescer.Finish(buffer);
        for (int i = 0; i < coalescer.Count; i++)
            Packets.Add(coalescer[i]);
        for (int i = 0; i < coalescer.Count; i++)
            Bytes.Add(Gather(coalescer, i, buffer));
    }

    public List<CoalescedPacket> Packets { get; } = [];

    /// <summary>What is written to the device: one array a packet.</summary>
    public List<byte[]> Bytes { get; } = [];

    public IEnumerable<int> PieceCounts => Packets.Select(packet => packet.PieceCount);

    /// <summary>All packets as the kernel would cut them.</summary>
    public IEnumerable<byte[]> Cut() => Packets.Zip(Bytes).SelectMany(pair => Cut(pair.First, pair.Second));

    public static void AssertSame(IEnumerable<byte[]> expected, IEnumerable<byte[]> actual) =>
        Assert.Equal(expected.Select(Convert.ToHexString), actual.Select(Convert.ToHexString));

    public static byte[] Gather(Coalescer coalescer, int index, byte[] buffer)
    {
        var bytes = new List<byte>();
        int pieces = 0;
        foreach (CoalescedPiece piece in coalescer.PiecesOf(index))
        {
            bytes.AddRange(buffer.AsSpan(piece.Offset, piece.Length));
            pieces++;
        }
        Assert.Equal(coalescer[index].PieceCount, pieces);
        Assert.Equal(coalescer[index].Length, bytes.Count);
        return [.. bytes];
    }

    private static IEnumerable<byte[]> Cut(CoalescedPacket packet, byte[] whole)
    {
        if (packet.Kind == SegmentationKind.None)
        {
            Assert.Equal(1, packet.PieceCount);
            Assert.False(packet.NeedsChecksum);
            return [whole];
        }
        Assert.True(packet.NeedsChecksum);
        AssertHeadersAreOfTheWhole(packet, whole);
        int payloads = (packet.Layout.PayloadLength + packet.SegmentSize - 1) / packet.SegmentSize;
        Assert.Equal(packet.PieceCount, payloads);
        return Enumerable.Range(0, payloads).Select(i => Segment(packet, whole, i, isLast: i == payloads - 1));
    }

    private static void AssertHeadersAreOfTheWhole(CoalescedPacket packet, byte[] whole)
    {
        PacketLayout layout = packet.Layout;
        Assert.True(PacketLayout.TryRead(whole, out PacketLayout read));
        Assert.Equal(read, layout);
        Assert.Equal(packet.Kind, layout.Kind);
        Assert.Equal(whole.Length, layout.Length);
        Assert.InRange(whole.Length, 1, Coalescer.MaxLength);
        if (!layout.IsIPv6)
            Assert.Equal(0xFFFF, FlowSegment.Fold(FlowSegment.Sum(whole.AsSpan(0, 20))));
        int transportLength = whole.Length - layout.TransportOffset;
        Assert.Equal(
            FlowSegment.Fold(FlowSegment.PseudoHeaderSum(whole, layout.IsIPv6, layout.IsUdp, transportLength)),
            BinaryPrimitives.ReadUInt16BigEndian(whole.AsSpan(layout.ChecksumOffset)));
    }

    private static byte[] Segment(CoalescedPacket packet, byte[] whole, int index, bool isLast)
    {
        PacketLayout layout = packet.Layout;
        int begin = layout.PayloadOffset + index * packet.SegmentSize;
        int end = Math.Min(begin + packet.SegmentSize, whole.Length);
        byte[] segment = [.. whole[..layout.PayloadOffset], .. whole[begin..end]];
        Span<byte> transport = segment.AsSpan(layout.TransportOffset);
        if (layout.IsIPv6)
            BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(4), (ushort)(segment.Length - 40));
        else
        {
            ushort id = BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(4));
            BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), (ushort)segment.Length);
            BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(4), (ushort)(id + index));
            segment.AsSpan(10, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(
                segment.AsSpan(10), FlowSegment.Complement(FlowSegment.Sum(segment.AsSpan(0, 20))));
        }
        if (layout.IsUdp)
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
        else
        {
            uint sequence = BinaryPrimitives.ReadUInt32BigEndian(transport[4..]);
            BinaryPrimitives.WriteUInt32BigEndian(transport[4..], sequence + (uint)(index * packet.SegmentSize));
            if (!isLast)
                transport[13] &= unchecked((byte)~(FlowSegment.Psh | FlowSegment.Fin));
        }
        Span<byte> checksum = segment.AsSpan(layout.ChecksumOffset, 2);
        checksum.Clear();
        int sum = FlowSegment.PseudoHeaderSum(segment, layout.IsIPv6, layout.IsUdp, transport.Length);
        sum += FlowSegment.Sum(transport);
        BinaryPrimitives.WriteUInt16BigEndian(checksum, FlowSegment.Complement(sum, layout.IsUdp));
        return segment;
    }
}
