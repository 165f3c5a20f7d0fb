using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// Which packets may be coalesced: the rules of the kernel (net/ipv4/tcp_offload.c, udp_offload.c, af_inet.c;
/// net/ipv6/ip6_offload.c), which <see cref="Coalescer"/> says in words.
/// </summary>
internal static class CoalescingRules
{
    // PSH and FIN are those of a whole row's last byte: a packet with one is the last of its row.
    public const byte EndFlags = PacketHeaders.TcpPsh | PacketHeaders.TcpFin;

    /// <summary>
    /// A hash of the addresses, ports and protocol of a packet whose ports are known. Flows that share one lose coalescing by it,
    /// and nothing else.
    /// </summary>
    public static uint FlowOf(ReadOnlySpan<byte> packet, in PacketHeaders headers)
    {
        ulong addresses;
        if (headers.IsIPv6)
        {
            addresses = BinaryPrimitives.ReadUInt64LittleEndian(packet[8..]);
            addresses = Mix(addresses) ^ BinaryPrimitives.ReadUInt64LittleEndian(packet[16..]);
            addresses = Mix(addresses) ^ BinaryPrimitives.ReadUInt64LittleEndian(packet[24..]);
            addresses = Mix(addresses) ^ BinaryPrimitives.ReadUInt64LittleEndian(packet[32..]);
        }
        else
        {
            addresses = BinaryPrimitives.ReadUInt64LittleEndian(packet[12..]);
        }

        ulong ports = BinaryPrimitives.ReadUInt32LittleEndian(packet[headers.TransportOffset..]);
        return (uint)(Mix(Mix(addresses) ^ ports ^ ((ulong)headers.Protocol << 32)) >> 32);
    }

    /// <summary>Whether two packets go between the same addresses.</summary>
    public static bool HaveSameAddresses(
        ReadOnlySpan<byte> a, in PacketHeaders ofA, ReadOnlySpan<byte> b, in PacketHeaders ofB) =>
        ofA.IsIPv6 == ofB.IsIPv6
        && a.Slice(ofA.SourceOffset, 2 * ofA.AddressSize).SequenceEqual(b.Slice(ofB.SourceOffset, 2 * ofB.AddressSize));

    /// <summary>
    /// Whether a packet whose ports are known may be coalesced with another at all. TCP: data, and of the flags none but ACK,
    /// ECE, PSH and FIN. CWR is not among them: it is for one segment, and whether it is repeated in all depends on who segments.
    /// UDP: data, a checksum, and its own length right.
    /// </summary>
    public static bool MayCoalesce(ReadOnlySpan<byte> packet, in PacketHeaders headers) =>
        headers.PayloadLength != 0 && headers.Kind != SegmentationKind.None && (headers.IsUdp
            ? BinaryPrimitives.ReadUInt16BigEndian(packet[headers.ChecksumOffset..]) != 0
            : (headers.TcpFlags & ~(EndFlags | PacketHeaders.TcpEce)) == PacketHeaders.TcpAck);

    /// <summary>
    /// Whether the headers of two that may be coalesced are the same, but for what each segment has its own of: lengths, IPv4 id,
    /// sequence number, checksums, PSH and FIN. That takes in the flow itself.
    /// </summary>
    public static bool HaveSameHeaders(
        ReadOnlySpan<byte> a, in PacketHeaders ofA, ReadOnlySpan<byte> b, in PacketHeaders ofB)
    {
        if (ofA.Kind != ofB.Kind || ofA.TransportOffset != ofB.TransportOffset || ofA.PayloadOffset != ofB.PayloadOffset
            || ofA.IsIPv6 != ofB.IsIPv6)
        {
            return false;
        }

        a = a[..ofA.PayloadOffset];
        b = b[..ofA.PayloadOffset];
        bool isSameIP = ofA.IsIPv6
            ? a[..4].SequenceEqual(b[..4]) && a[6..40].SequenceEqual(b[6..40])
            : a[..2].SequenceEqual(b[..2]) && a[6..10].SequenceEqual(b[6..10]) && a[12..20].SequenceEqual(b[12..20]);
        if (!isSameIP)
            return false;
        a = a[ofA.TransportOffset..];
        b = b[ofA.TransportOffset..];
        if (!a[..4].SequenceEqual(b[..4])) // ports
            return false;
        return ofA.IsUdp ||
            (a[8..13].SequenceEqual(b[8..13]) // acknowledgement, header length and reserved bits
            && ((a[13] ^ b[13]) & ~EndFlags) == 0
            && a[14..16].SequenceEqual(b[14..16]) // window
            && a[18..].SequenceEqual(b[18..])); // urgent pointer, options
    }

    /// <summary>What the kernel would drop, or the receiver, must not become part of something that is valid.</summary>
    public static bool HasValidChecksums(ReadOnlySpan<byte> packet, in PacketHeaders headers) =>
        (headers.IsIPv6 || InternetChecksum.Sum(packet[..PacketHeaders.SizeIPv4]) == 0xFFFF)
        && TransportChecksum.IsValid(packet, headers);

    /// <summary>Makes the first packet's headers those of the whole row.</summary>
    /// <param name="head">The first packet, where it lies.</param>
    /// <param name="whole">Those of the whole row.</param>
    public static void WriteHead(Span<byte> head, in PacketHeaders whole)
    {
        if (whole.IsIPv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(head[4..], (ushort)(whole.Length - PacketHeaders.SizeIPv6));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(head[2..], (ushort)whole.Length);
            BinaryPrimitives.WriteUInt16BigEndian(head[10..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(
                head[10..], (ushort)~InternetChecksum.Sum(head[..PacketHeaders.SizeIPv4]));
        }

        Span<byte> transport = head[whole.TransportOffset..];
        if (whole.IsUdp)
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)whole.TransportLength);
        else
            transport[13] = whole.TcpFlags;
        TransportChecksum.WritePartial(head, whole);
    }

    /// <summary>Fibonacci hashing, and the high bits brought down again.</summary>
    private static ulong Mix(ulong value)
    {
        value *= 0x9E3779B97F4A7C15;
        return value ^ (value >> 29);
    }
}
