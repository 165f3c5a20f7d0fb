using System.Buffers.Binary;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>A receive buffer with packets in it, run through a coalescer, and segmented again the slow and obvious way.</summary>
internal sealed class CoalescedBatch
{
    private const int Gap = 39; // what lies between packets in a stream; odd, so that nothing is aligned

    public CoalescedBatch(IEnumerable<byte[]> packets, bool allowUdp = true, bool mayCoalesce = true)
    {
        Given = [.. packets.Select(AsDelivered).OfType<byte[]>()];
        var coalescer = new Coalescer(Math.Max(Given.Count, 1), allowUdp);
        byte[] buffer = new byte[Given.Sum(packet => packet.Length + Gap)];
        Array.Fill(buffer, (byte)0xA5);
        int offset = 0;
        foreach (byte[] packet in Given)
        {
            offset += Gap;
            packet.CopyTo(buffer, offset);
            Assert.True(PacketHeaders.TryRead(buffer.AsSpan(offset, packet.Length), out PacketHeaders headers));
            coalescer.Add(buffer, offset, headers, mayCoalesce);
            offset += packet.Length;
        }
        coalescer.Finish(buffer);
        for (int i = 0; i < coalescer.Count; i++)
            Packets.Add(new CoalescedPacket(coalescer[i], PieceCount(coalescer, i)));
        for (int i = 0; i < coalescer.Count; i++)
            Bytes.Add(Gather(coalescer, i, buffer));
    }

    /// <summary>What reaches a coalescer: IP packets whose length is right, without padding.</summary>
    public List<byte[]> Given { get; }

    public List<CoalescedPacket> Packets { get; } = [];

    /// <summary>What is written to the device: one array a packet.</summary>
    public List<byte[]> Bytes { get; } = [];

    public IEnumerable<int> PieceCounts => Packets.Select(packet => packet.PieceCount);

    /// <summary>All packets as the kernel would segment them.</summary>
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
        Assert.Equal(PieceCount(coalescer, index), pieces);
        Assert.Equal(coalescer[index].Length, bytes.Count);
        return [.. bytes];
    }

    public static int PieceCount(Coalescer coalescer, int index)
    {
        int pieces = 0;
        foreach (CoalescedPiece piece in coalescer.PiecesOf(index))
            pieces += piece.Length > 0 ? 1 : 0;
        return pieces;
    }

    private static byte[]? AsDelivered(byte[] packet) =>
        PacketHeaders.TryRead(packet, out PacketHeaders headers) ? packet[..headers.Length] : null;

    private static IEnumerable<byte[]> Cut(CoalescedPacket packet, byte[] whole)
    {
        if (packet.Headers.SegmentSize == 0)
        {
            Assert.Equal(1, packet.PieceCount);
            Assert.False(packet.Headers.NeedsChecksum);
            return [whole];
        }
        Assert.True(packet.Headers.NeedsOwnChecksum);
        AssertHeadersAreOfTheWhole(packet, whole);
        int payloads = (packet.Headers.PayloadLength + packet.SegmentSize - 1) / packet.SegmentSize;
        Assert.Equal(packet.PieceCount, payloads);
        return Enumerable.Range(0, payloads).Select(i => Segment(packet, whole, i, isLast: i == payloads - 1));
    }

    private static void AssertHeadersAreOfTheWhole(CoalescedPacket packet, byte[] whole)
    {
        PacketHeaders headers = packet.Headers;
        Assert.True(PacketHeaders.TryRead(whole, out PacketHeaders read));
        Assert.Equal(read.LeftUnsegmented(packet.SegmentSize), headers);
        Assert.Equal(whole.Length, headers.Length);
        Assert.InRange(whole.Length, 1, Coalescer.MaxLength);
        if (!headers.IsIPv6)
            Assert.Equal(0xFFFF, FlowSegment.Fold(FlowSegment.Sum(whole.AsSpan(0, 20))));
        int transportLength = whole.Length - headers.TransportOffset;
        Assert.Equal(
            FlowSegment.Fold(FlowSegment.PseudoHeaderSum(whole, headers.IsIPv6, headers.IsUdp, transportLength)),
            BinaryPrimitives.ReadUInt16BigEndian(whole.AsSpan(headers.ChecksumOffset)));
    }

    private static byte[] Segment(CoalescedPacket packet, byte[] whole, int index, bool isLast)
    {
        PacketHeaders headers = packet.Headers;
        int begin = headers.PayloadOffset + index * packet.SegmentSize;
        int end = Math.Min(begin + packet.SegmentSize, whole.Length);
        byte[] segment = [.. whole[..headers.PayloadOffset], .. whole[begin..end]];
        Span<byte> transport = segment.AsSpan(headers.TransportOffset);
        if (headers.IsIPv6)
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
        if (headers.IsUdp)
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
        else
        {
            uint sequence = BinaryPrimitives.ReadUInt32BigEndian(transport[4..]);
            BinaryPrimitives.WriteUInt32BigEndian(transport[4..], sequence + (uint)(index * packet.SegmentSize));
            if (!isLast)
                transport[13] &= unchecked((byte)~(FlowSegment.Psh | FlowSegment.Fin));
        }
        Span<byte> checksum = segment.AsSpan(headers.ChecksumOffset, 2);
        checksum.Clear();
        int sum = FlowSegment.PseudoHeaderSum(segment, headers.IsIPv6, headers.IsUdp, transport.Length);
        sum += FlowSegment.Sum(transport);
        BinaryPrimitives.WriteUInt16BigEndian(checksum, FlowSegment.Complement(sum, headers.IsUdp));
        return segment;
    }
}

/// <summary>One packet to write, and of how many pieces it is.</summary>
internal sealed record CoalescedPacket(PacketHeaders Headers, int PieceCount)
{
    /// <summary>What it is to be segmented into: nothing, as it came.</summary>
    public SegmentationKind Kind => Headers.SegmentSize == 0 ? SegmentationKind.None : Headers.Kind;

    public int SegmentSize => Headers.SegmentSize;
}
