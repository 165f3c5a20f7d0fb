using System.Buffers.Binary;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests.Segmentation;
using WireGuard.Vsock.Tun;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A batch of packets, coalesced as it is delivered to the TUN device: the kernel takes what comes out, and makes of it the
/// packets that went in, those of a flow in their order. The kernel is <see cref="KernelRules"/>.
/// <code>
/// u8 whether UDP is allowed | packets: u8 kind | its numbers
/// kinds: a packet that is the input's, its checksums made right or not; a segment of flow 0 to 7; what follows the last in its
/// flow; one that was never segmented
/// </code>
/// </summary>
internal sealed class CoalesceTarget : FuzzTarget
{
    private const int MostPackets = 160;
    private const int Gap = 32;

    public override IEnumerable<byte[]> Seeds()
    {
        foreach (int flow in (int[])[0, 1, 2, 3])
        {
            yield return new Chosen().Byte(1).Byte(1).Byte(flow).UInt16(100).Byte(2).Byte(flow).UInt16(100).Byte(0x10)
                .Byte(2).Byte(flow).UInt16(60).Byte(0x18).ToArray();
            yield return new Chosen().Byte(1).Byte(3).Byte(flow).UInt16(1400).UInt16(500).Byte(1).Byte(flow).UInt16(10).ToArray();
        }

        FlowSegment segment = new() { Payload = [1, 2, 3, 4] };
        Chosen first = new Chosen().Byte(1).Byte(0).Byte(1).Piece(segment.ToBytes());
        yield return first.Byte(0).Byte(1).Piece(segment.Next([5]).ToBytes()).ToArray();
        yield return new Chosen().Byte(0).Byte(0).Byte(0).Piece((segment with { FragmentBits = 0x2000 }).ToBytes()).ToArray();
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        Choices choices = new(input);
        bool allowUdp = choices.Bool();
        List<byte[]> given = [];
        List<PacketHeaders> headers = [];
        FlowSegment[] flows = [.. Enumerable.Range(0, 8).Select(NewFlow)];
        for (int i = 0; i < MostPackets && !choices.IsAtEnd; i++)
            AddPacket(ref choices, flows, given, headers);
        if (given.Count == 0)
            return;
        List<byte[]> expected = [], actual = [];
        for (int i = 0; i < given.Count; i++)
            TakeOne(given[i], headers[i], expected, mustBeTaken: headers[i].NeedsChecksum);
        foreach ((byte[] packet, PacketHeaders whole, int pieces) in Coalesced(given, headers, allowUdp))
        {
            Fact.Holds(pieces == 1 || whole.NeedsOwnChecksum, "what is coalesced has a partial checksum");
            Fact.Holds(allowUdp || pieces == 1 || !whole.IsUdp, "UDP is coalesced only where it is allowed");
            TakeOne(packet, whole, actual, mustBeTaken: whole.NeedsChecksum);
        }

        Flows.CheckSame(expected, actual);
    }

    private static FlowSegment NewFlow(int flow) => new()
    {
        IsIPv6 = (flow & 1) != 0,
        IsUdp = (flow & 2) != 0,
        SourcePort = (ushort)(1000 + (flow & 4)),
        Sequence = flow == 4 ? uint.MaxValue - 150 : 1000,
        Id = flow == 4 ? ushort.MaxValue : (ushort)7,
        FragmentBits = flow == 4 ? (ushort)0 : (ushort)0x4000,
    };

    private static void AddPacket(ref Choices choices, FlowSegment[] flows, List<byte[]> given, List<PacketHeaders> headers)
    {
        int kind = choices.Byte();
        byte[] packet;
        if ((kind & 3) == 0)
        {
            bool isMadeRight = choices.Bool();
            packet = choices.Piece().ToArray();
            if (isMadeRight)
                Flows.WriteChecksums(packet);
        }
        else
        {
            int flow = choices.Byte();
            packet = Next(ref choices, kind & 3, ref flows[flow & 7], flow).ToBytes();
        }

        if (!PacketHeaders.TryRead(packet, out PacketHeaders read))
            return;
        packet = packet[..read.Length];
        int size = (kind & 3) == 3 ? choices.UInt16() : 0;
        if (size != 0 && Superpacket.MayCarry(read, size) && read.PayloadLength <= Superpacket.MaxPayload(read, size))
        {
            read = read.LeftUnsegmented(size);
            TransportChecksum.WritePartial(packet, read);
        }

        given.Add(packet);
        headers.Add(read);
    }

    private static FlowSegment Next(ref Choices choices, int kind, ref FlowSegment flow, int options)
    {
        byte[] payload = new byte[choices.UInt16() % 2000];
        Array.Fill(payload, (byte)options);
        flow = kind == 1 ? flow with { Payload = payload } : flow.Next(payload);
        if (kind == 2)
            flow = flow with { Flags = choices.Byte() };
        if ((options & 8) != 0)
            flow = flow with { Id = (ushort)(flow.Id - 1) };
        if ((options & 16) != 0)
            flow = flow with { Window = choices.UInt16(), Acknowledgement = choices.Byte() };
        if ((options & 32) != 0)
            flow = flow with { HopLimit = choices.Byte(), TrafficClass = choices.Byte() };
        if ((options & 64) != 0)
            flow = flow with { FragmentBits = choices.UInt16(), FlowLabel = choices.UInt16() };
        if ((options & 128) != 0)
        {
            ReadOnlySpan<byte> tcpOptions = choices.Bytes(choices.Byte() % 11 * 4);
            flow = flow with { TcpOptions = [.. tcpOptions[..(tcpOptions.Length & ~3)]] };
        }

        return flow;
    }

    private static void TakeOne(byte[] packet, in PacketHeaders headers, List<byte[]> segments, bool mustBeTaken)
    {
        Span<byte> virtio = stackalloc byte[VirtioHeader.Size];
        VirtioHeader.Write(virtio, headers);
        int before = segments.Count;
        string? refusal = KernelRules.Take(virtio, packet, segments);
        // A superpacket's IP header may have any checksum: the kernel drops it, as it would have dropped the packet.
        bool isSenders = refusal == "the checksum of the IP header is wrong";
        Fact.Holds(refusal is null || isSenders || !mustBeTaken, $"the kernel refuses what is written: {refusal}");
        if (refusal is not null && segments.Count == before)
            segments.Add(packet);
    }

    private static List<(byte[] Packet, PacketHeaders Headers, int Pieces)> Coalesced(
        List<byte[]> given, List<PacketHeaders> headers, bool allowUdp)
    {
        var coalescer = new Coalescer(given.Count, allowUdp);
        byte[] buffer = new byte[given.Sum(packet => packet.Length + Gap)];
        int offset = 0;
        for (int i = 0; i < given.Count; i++)
        {
            offset += Gap;
            given[i].CopyTo(buffer, offset);
            Fact.Holds(!coalescer.IsFull, "there is room for so many");
            coalescer.Add(buffer, offset, headers[i]);
            offset += given[i].Length;
        }

        coalescer.Finish(buffer);
        List<(byte[] Packet, PacketHeaders Headers, int Pieces)> packets = [];
        for (int i = 0; i < coalescer.Count; i++)
        {
            List<byte> bytes = [];
            int pieces = 0;
            foreach (CoalescedPiece piece in coalescer.PiecesOf(i))
            {
                bytes.AddRange(buffer.AsSpan(piece.Offset, piece.Length));
                pieces++;
            }

            Fact.Same(bytes.Count, coalescer[i].Length, "the length of what is written");
            Fact.Holds(pieces <= Coalescer.MaxPieces && bytes.Count <= Coalescer.MaxLength, "what is written is bounded");
            packets.Add(([.. bytes], coalescer[i], pieces));
        }

        return packets;
    }
}

/// <summary>Packets by the flow they are of, and what two of them have to have in common.</summary>
internal static class Flows
{
    /// <summary>Makes the checksums of a packet right, if it has any.</summary>
    public static void WriteChecksums(Span<byte> packet)
    {
        if (NaiveHeaders.Read(packet.ToArray()) is not { } headers)
            return;
        packet = packet[..headers.Length];
        if (!headers.IsIPv6)
        {
            packet[10..12].Clear();
            int headerSum = FlowSegment.Sum(packet[..headers.TransportOffset]);
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], FlowSegment.Complement(headerSum));
        }

        if (headers.Kind == SegmentationKind.None)
            return;
        Span<byte> transport = packet[headers.TransportOffset..];
        Span<byte> checksum = transport[(headers.Protocol == 17 ? 6 : 16)..];
        checksum[..2].Clear();
        int sum = FlowSegment.Fold(Pseudo(packet, headers)) + FlowSegment.Sum(transport);
        BinaryPrimitives.WriteUInt16BigEndian(checksum, FlowSegment.Complement(sum, headers.Protocol == 17));
    }

    public static void CheckSame(List<byte[]> expected, List<byte[]> actual)
    {
        Fact.Same(expected.Count, actual.Count, "how many packets come out");
        List<Packet> before = [.. expected.Select(Read)], after = [.. actual.Select(Read)];
        foreach (string flow in before.Select(packet => packet.Flow).Distinct())
        {
            using IEnumerator<Packet> others = after.Where(packet => packet.IsOf(flow)).GetEnumerator();
            foreach (Packet packet in before.Where(packet => packet.IsOf(flow)))
            {
                Fact.Holds(others.MoveNext(), $"a packet of {flow} comes out");
                Fact.SameBytes(packet.Bytes, others.Current.Bytes, $"the packets of {flow}, in order");
            }

            Fact.Holds(!others.MoveNext(), $"no packet of {flow} is added");
        }
    }

    private static int Pseudo(ReadOnlySpan<byte> packet, NaiveHeaders headers)
    {
        int source = headers.IsIPv6 ? 8 : 12, size = headers.IsIPv6 ? 16 : 4;
        return FlowSegment.Sum(packet.Slice(source, size)) + FlowSegment.Sum(packet.Slice(headers.FinalDestinationOffset, size))
            + headers.Protocol + headers.Length - headers.TransportOffset;
    }

    /// <summary>
    /// What two packets have to have in common: not the identification where there is no fragmenting (RFC 6864), and not which of
    /// its two zeros a right checksum is.
    /// </summary>
    private static Packet Read(byte[] bytes)
    {
        NaiveHeaders? headers = NaiveHeaders.Read(bytes);
        if (headers is null || headers.Length != bytes.Length)
            return new Packet(bytes, "no packet", null);
        string addresses = Convert.ToHexString(bytes.AsSpan(headers.IsIPv6 ? 8 : 12, headers.IsIPv6 ? 32 : 8));
        string flow = headers.Flow switch
        {
            FlowKnowledge.Ports =>
                $"{addresses} {headers.Protocol} {Convert.ToHexString(bytes.AsSpan(headers.TransportOffset, 4))}",
            FlowKnowledge.Addresses => addresses,
            _ => $"other {addresses}",
        };
        byte[] plain = [.. bytes];
        int headerSum = headers.IsIPv6 ? 0xFFFF : FlowSegment.Fold(FlowSegment.Sum(bytes.AsSpan(0, headers.TransportOffset)));
        bool isHeaderRight = headerSum == 0xFFFF;
        int sum = FlowSegment.Fold(Pseudo(bytes, headers)) + FlowSegment.Sum(bytes.AsSpan(headers.TransportOffset));
        bool isRight = headers.Kind != SegmentationKind.None && FlowSegment.Fold(sum) == 0xFFFF;
        bool hasNone = isRight && headers.Protocol == 17
            && bytes.AsSpan(headers.TransportOffset + 6, 2).IndexOfAnyExcept((byte)0) < 0;
        if (!headers.IsIPv6 && isHeaderRight && (bytes[6] & 0x40) != 0)
            plain.AsSpan(4, 2).Clear();
        if (isHeaderRight && isRight && !hasNone)
            WriteChecksums(plain);
        return new Packet(plain, flow, headers.Flow == FlowKnowledge.Addresses ? addresses : null);
    }

    /// <param name="Bytes">The packet.</param>
    /// <param name="Flow">What is known of its flow.</param>
    /// <param name="Between">Of one that may be of any flow between its addresses, those.</param>
    private sealed record Packet(byte[] Bytes, string Flow, string? Between)
    {
        public bool IsOf(string flow) =>
            Flow == flow || (Between is not null && flow.StartsWith(Between, StringComparison.Ordinal));
    }
}
