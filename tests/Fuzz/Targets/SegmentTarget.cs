using System.Buffers.Binary;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests.Segmentation;
using WireGuard.Vsock.Tun;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A packet as the TUN device gives it, behind its header of offloads: what passes is segmented as the kernel would, whole and in
/// pieces of several segments; coalescing the segments and segmenting them again gives the same, and, where nothing forbids to
/// coalesce them, the packet itself.
/// <code>u8 fixes | u8 segments a piece | header of 10 | packet</code>
/// </summary>
internal sealed class SegmentTarget : FuzzTarget
{
    private const int Gap = 32;

    public override IEnumerable<byte[]> Seeds()
    {
        for (int flow = 0; flow < 4; flow++)
        {
            FlowSegment packet = new() { IsIPv6 = (flow & 1) != 0, IsUdp = (flow & 2) != 0, Payload = new byte[3000] };
            byte[] bytes = packet.ToBytes();
            Fact.Holds(PacketHeaders.TryRead(bytes, out PacketHeaders headers), "a packet is read");
            byte[] virtio = new byte[VirtioHeader.Size];
            VirtioHeader.Write(virtio, headers.LeftUnsegmented(1000));
            yield return new Chosen().Byte(3).Byte(1).Bytes(virtio).Bytes(bytes).ToArray();
            yield return new Chosen().Byte(0).Byte(2).Bytes(virtio).Bytes(bytes).ToArray();
            VirtioHeader.Write(virtio, headers.LeftUnsegmented(4000));
            yield return new Chosen().Byte(1).Byte(1).Bytes(virtio).Bytes(bytes).ToArray();
        }
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        Choices choices = new(input);
        int fixes = choices.Byte(), perPiece = Math.Max((int)choices.Byte(), 1);
        byte[] virtio = new byte[VirtioHeader.Size];
        choices.Fill(virtio);
        byte[] packet = choices.Rest.ToArray();
        if ((fixes & 1) != 0)
            MakePlausible(virtio, packet, isLast: (fixes & 2) != 0);
        if (!VirtioHeader.TryRead(virtio, packet, out PacketHeaders headers))
            return;
        Fact.Same(NaiveHeaders.Read(packet), NaiveHeaders.Of(headers), "the packet's headers");
        packet = packet[..headers.Length];
        if (headers.SegmentSize == 0)
        {
            CheckSingle(packet, headers);
            return;
        }

        Fact.Holds(headers.NeedsOwnChecksum && headers.PayloadLength > 0, "what is to be segmented has a partial checksum");
        // A packet of the kernel's own has its pseudo-header's sum in place.
        TransportChecksum.WritePartial(packet, headers);
        CheckSegments(packet, headers, perPiece);
    }

    /// <summary>Has header and packet agree, as a kernel's do.</summary>
    private static void MakePlausible(Span<byte> virtio, Span<byte> packet, bool isLast)
    {
        if (packet.Length >= 40 && packet[0] >> 4 == 6)
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40));
        else if (packet.Length >= 20 && packet.Length <= ushort.MaxValue)
            BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        if (!PacketHeaders.TryRead(packet, out PacketHeaders headers))
            return;
        if (headers.IsUdp && headers.PayloadOffset != 0)
            BinaryPrimitives.WriteUInt16BigEndian(packet[(headers.TransportOffset + 4)..], (ushort)headers.TransportLength);
        if (!isLast || !PacketHeaders.TryRead(packet, out headers) || headers.Kind == SegmentationKind.None)
            return;
        int size = Math.Max((int)BinaryPrimitives.ReadUInt16LittleEndian(virtio[4..]), 1);
        if (headers.PayloadLength > 0)
            VirtioHeader.Write(virtio, headers.LeftUnsegmented(size));
        if (!headers.IsIPv6)
            Flows.WriteChecksums(packet);
    }

    private static void CheckSingle(byte[] packet, in PacketHeaders headers)
    {
        if (!headers.NeedsChecksum)
            return;
        bool isInside = headers.PartialStart + headers.PartialOffset + 2 <= packet.Length;
        byte[] completed = [.. packet];
        bool completes = TransportChecksum.Complete(completed, headers.PartialStart, headers.PartialOffset);
        Fact.Same(isInside, completes, "whether a checksum lies within the packet");
        if (!completes)
            return;
        List<byte[]> summed = [];
        Span<byte> virtio = stackalloc byte[VirtioHeader.Size];
        VirtioHeader.Write(virtio, headers);
        string? refusal = KernelRules.Take(virtio, packet, summed);
        Fact.Holds(refusal is null, $"the kernel takes what it gave: {refusal}");
        Fact.SameBytes(summed[0], completed, "a checksum that is completed");
    }

    private static void CheckSegments(byte[] packet, in PacketHeaders headers, int perPiece)
    {
        List<byte[]> expected = Kernels(packet, headers, headers.SegmentSize);
        List<byte[]> segments = Segmented(packet, headers, headers.SegmentSize, 1);
        CheckSame(expected, segments, "a segment");
        if (packet.Length * (long)segments.Count > 1 << 22)
            return; // the rest takes time, and is as true of fewer
        List<byte[]> again = [];
        foreach (byte[] piece in Segmented(packet, headers, headers.SegmentSize, perPiece))
        {
            bool isPacket = PacketHeaders.TryRead(piece, out PacketHeaders read) && read.Length == piece.Length;
            Fact.Holds(isPacket, "a piece is a packet");
            TransportChecksum.WritePartial(piece, read);
            again.AddRange(Segmented(piece, read, headers.SegmentSize, 1));
        }

        if ((headers.TcpFlags & PacketHeaders.TcpCwr) == 0) // each piece would have its own
            CheckSame(expected, again, "a segment of a piece");
        CheckCoalesced(packet, headers, segments);
    }

    private static void CheckCoalesced(byte[] packet, in PacketHeaders headers, List<byte[]> segments)
    {
        var coalescer = new Coalescer(segments.Count);
        byte[] buffer = new byte[segments.Sum(segment => segment.Length + Gap)];
        int offset = 0;
        foreach (byte[] segment in segments)
        {
            offset += Gap;
            segment.CopyTo(buffer, offset);
            Fact.Holds(PacketHeaders.TryRead(segment, out PacketHeaders read), "a segment is a packet");
            coalescer.Add(buffer, offset, read);
            offset += segment.Length;
        }

        coalescer.Finish(buffer);
        List<byte[]> written = [], cut = [];
        for (int i = 0; i < coalescer.Count; i++)
        {
            List<byte> bytes = [];
            foreach (CoalescedPiece piece in coalescer.PiecesOf(i))
                bytes.AddRange(buffer.AsSpan(piece.Offset, piece.Length));
            written.Add([.. bytes]);
            cut.AddRange(Kernels([.. bytes], coalescer[i], coalescer[i].SegmentSize));
        }

        Flows.CheckSame(segments, cut);
        bool isPlain = headers.Flow == FlowKnowledge.Ports && segments.Count <= Coalescer.MaxPieces
            && (headers.IsUdp || (headers.TcpFlags & ~0x49) == PacketHeaders.TcpAck);
        if (!isPlain)
            return;
        Fact.Same(1, written.Count, "segments of a packet that are coalesced");
        Fact.Same(headers.SegmentSize < headers.PayloadLength ? headers.SegmentSize : 0, coalescer[0].SegmentSize, "their size");
        // Segments get a right one, whatever the fuzzer has put there.
        if (segments.Count > 1 && HasRightHeaderChecksum(packet))
            Fact.SameBytes(packet, written[0], "coalesce(segment(x))");
    }

    private static bool HasRightHeaderChecksum(ReadOnlySpan<byte> packet)
    {
        if (packet[0] >> 4 != 4)
            return true; // IPv6 has none
        int sum = 0;
        for (int i = 0; i < (packet[0] & 0xf) * 4; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(packet[i..]);
        return ((sum & 0xffff) + (sum >> 16)) % 0xffff == 0;
    }

    /// <summary>The segments that the kernel makes, which takes it.</summary>
    private static List<byte[]> Kernels(byte[] packet, in PacketHeaders headers, int size)
    {
        List<byte[]> segments = [];
        Span<byte> virtio = stackalloc byte[VirtioHeader.Size];
        VirtioHeader.Write(virtio, headers.NeedsChecksum ? headers with { SegmentSize = (ushort)size } : headers);
        string? refusal = KernelRules.Take(virtio, packet, segments);
        // Of the kernel's own packets none has a wrong checksum; a descriptor that was handed to us may. More datagrams than the
        // oldest kernels send is what newer ones do.
        bool isOfOthers = refusal is "the checksum of the IP header is wrong" or "more datagrams than UDP_MAX_SEGMENTS"
            or "gso_size is GSO_BY_FRAGS";
        Fact.Holds(refusal is null || isOfOthers, $"the kernel takes it: {refusal}");
        return segments;
    }

    private static List<byte[]> Segmented(byte[] packet, in PacketHeaders headers, int size, int perPiece)
    {
        List<byte[]> segments = [];
        Fact.Holds(Segmenter.TryBegin(packet, headers, size, out Segmenter segmenter, perPiece), "it can be segmented");
        for (int i = 0; i < segmenter.Count; i++)
        {
            byte[] segment = new byte[segmenter.LengthOf(i)];
            Fact.Same(segment.Length, segmenter.Write(i, segment), "the length of a segment");
            segments.Add(segment);
        }

        return segments;
    }

    private static void CheckSame(List<byte[]> expected, List<byte[]> actual, string what)
    {
        if (expected.Count == 0)
            return; // the kernel would have none of it
        Fact.Same(expected.Count, actual.Count, $"{what}: how many");
        for (int i = 0; i < expected.Count; i++)
            Fact.SameBytes(WithOneZero(expected[i]), WithOneZero(actual[i]), what);
    }

    /// <summary>In one's complement zero is written in two ways, and of TCP's checksum both are right.</summary>
    private static byte[] WithOneZero(byte[] packet)
    {
        if (!PacketHeaders.TryRead(packet, out PacketHeaders headers) || headers.IsUdp || headers.PayloadOffset == 0)
            return packet;
        Span<byte> checksum = packet.AsSpan(headers.TransportOffset + 16, 2);
        if (checksum.IndexOfAnyExcept((byte)0xff) < 0)
            checksum.Clear();
        return packet;
    }
}
