using System.Buffers.Binary;
using WireGuard.Protocol.Tests.Segmentation;

namespace WireGuard.Fuzz;

/// <summary>
/// What Linux does with a packet written to a TUN device with IFF_VNET_HDR, by its sources and none of ours: refuses it
/// (tun_get_user in drivers/net/tun.c, virtio_net_hdr_to_skb in include/linux/virtio_net.h, in its strictest versions, and the
/// tests of the functions that segment: net/ipv4/tcp_offload.c, udp_offload.c), or makes packets of it. Bytes are copied and
/// summed the slow and obvious way.
/// </summary>
internal static class KernelRules
{
    public const int HeaderSize = 10;

    private const int NeedsChecksum = 1;
    private const int TcpIPv4 = 1, TcpIPv6 = 4, UdpL4 = 5, Ecn = 0x80;
    private const int UdpMaxSegments = 64; // 128 since Linux 6.10
    private const int GsoByFragments = 0xFFFF;
    private const byte Fin = 0x01, Psh = 0x08, Cwr = 0x80;

    /// <summary>Takes a packet behind its header.</summary>
    /// <param name="segments">What comes of it.</param>
    /// <returns>Why it is refused; null if it is not.</returns>
    public static string? Take(ReadOnlySpan<byte> virtio, ReadOnlySpan<byte> packet, List<byte[]> segments)
    {
        int flags = virtio[0], gsoType = virtio[1];
        int headerLength = Little(virtio, 2), size = Little(virtio, 4), start = Little(virtio, 6), offset = Little(virtio, 8);
        if ((flags & NeedsChecksum) != 0)
            headerLength = Math.Max(headerLength, start + offset + 2);
        if (headerLength > packet.Length)
            return "hdr_len is past the packet's end";
        int version = packet.Length == 0 ? 0 : packet[0] >> 4;
        if (version is not (4 or 6))
            return "it is no IP packet";
        int type = gsoType & ~Ecn, transportSize = type is TcpIPv4 or TcpIPv6 ? 20 : type == UdpL4 ? 8 : 0;
        if (type is not (0 or TcpIPv4 or TcpIPv6 or UdpL4))
            return "there is no such gso_type";
        if (type == 0 ? gsoType != 0 : size == 0)
            return "gso_type and gso_size contradict each other";
        if ((flags & NeedsChecksum) != 0)
        {
            if (packet.Length < start + Math.Max(transportSize, offset + 2))
                return "the checksum is past the packet's end";
            if (start < (type == TcpIPv6 ? 40 : 20))
                return "the transport header is within the IP header";
        }

        if (type == 0)
        {
            segments.Add((flags & NeedsChecksum) == 0 ? packet.ToArray() : Summed(packet, start, offset));
            return null;
        }

        return (flags & NeedsChecksum) == 0
            ? "it is to be segmented, and its checksum is whole"
            : WhyNotSegmented(packet, gsoType, size, start, offset) ?? Segment(packet, size, start, type == UdpL4, segments);
    }

    private static string? WhyNotSegmented(ReadOnlySpan<byte> packet, int gsoType, int size, int start, int offset)
    {
        int type = gsoType & ~Ecn;
        bool isUdp = type == UdpL4, isIPv6 = packet[0] >> 4 == 6;
        if (type == TcpIPv4 && isIPv6 || type == TcpIPv6 && !isIPv6)
            return "gso_type is of another version of IP";
        if (offset != (isUdp ? 6 : 16))
            return "the checksum is not where TCP or UDP has it";
        if (size == GsoByFragments)
            return "gso_size is GSO_BY_FRAGS";
        if (isUdp && (gsoType & Ecn) != 0)
            return "UDP has no CWR";
        if (isUdp && packet.Length - start - 8 > size * UdpMaxSegments)
            return "more datagrams than UDP_MAX_SEGMENTS";
        if ((isIPv6 ? Big(packet, 4) + 40 : Big(packet, 2)) != packet.Length)
            return "it is not as long as its IP header says";
        if (!isIPv6 && (packet[0] & 15) * 4 != start)
            return "the checksum is not summed from the end of the IP header";
        if (!isIPv6 && FlowSegment.Fold(FlowSegment.Sum(packet[..start])) != 0xFFFF)
            return "the checksum of the IP header is wrong";
        if (!isIPv6 && (Big(packet, 6) & 0x3FFF) != 0)
            return "it is a fragment";
        int tcp = isUdp ? 20 : (packet[start + 12] >> 4) * 4;
        if (tcp < 20 || (!isUdp && start + tcp > packet.Length))
            return "the TCP header is not whole";
        if (!isUdp && ((gsoType & Ecn) != 0) != ((packet[start + 13] & Cwr) != 0))
            return "CWR is not as gso_type says";
        if (isUdp && Big(packet, start + 4) != packet.Length - start)
            return "the datagram is not as long as it says";
        return null;
    }

    /// <summary>tcp_gso_segment, __udp_gso_segment, inet_gso_segment, ipv6_gso_segment.</summary>
    private static string? Segment(ReadOnlySpan<byte> packet, int size, int start, bool isUdp, List<byte[]> segments)
    {
        int header = start + (isUdp ? 8 : (packet[start + 12] >> 4) * 4);
        // What is no longer than a segment was made by tun no GSO packet at all; the checksum is all that is left to do.
        if (packet.Length - header <= size)
        {
            segments.Add(Summed(packet, start, isUdp ? 6 : 16));
            return null;
        }

        for (int index = 0, at = header; at < packet.Length; index++, at += size)
        {
            int end = Math.Min(at + size, packet.Length);
            byte[] segment = [.. packet[..header], .. packet[at..end]];
            Span<byte> transport = segment.AsSpan(start);
            WriteLength(segment, index);
            if (isUdp)
                BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
            else
                WriteTcp(transport, at - header, isFirst: index == 0, isLast: end == packet.Length);
            // The pseudo-header's sum was made for the whole packet's length: what differs is the length.
            int without = 0xFFFF ^ FlowSegment.Fold(packet.Length - start);
            WriteChecksum(transport, Big(packet, start + (isUdp ? 6 : 16)) + without + transport.Length, isUdp ? 6 : 16);
            segments.Add(segment);
        }

        return null;
    }

    private static void WriteLength(Span<byte> segment, int index)
    {
        if (segment[0] >> 4 == 6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(segment[4..], (ushort)(segment.Length - 40));
            return;
        }

        BinaryPrimitives.WriteUInt16BigEndian(segment[2..], (ushort)segment.Length);
        BinaryPrimitives.WriteUInt16BigEndian(segment[4..], (ushort)(Big(segment, 4) + index));
        segment[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(
            segment[10..], FlowSegment.Complement(FlowSegment.Sum(segment[..((segment[0] & 15) * 4)])));
    }

    private static void WriteTcp(Span<byte> tcp, int before, bool isFirst, bool isLast)
    {
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]) + (uint)before);
        if (!isFirst)
            tcp[13] &= 0xFF ^ Cwr;
        if (!isLast)
            tcp[13] &= 0xFF ^ (Fin | Psh);
    }

    /// <summary>skb_checksum_help: what is in the checksum's place is summed with the rest.</summary>
    private static byte[] Summed(ReadOnlySpan<byte> packet, int start, int offset)
    {
        byte[] summed = packet.ToArray();
        ushort checksum = FlowSegment.Complement(FlowSegment.Sum(summed.AsSpan(start)));
        BinaryPrimitives.WriteUInt16BigEndian(summed.AsSpan(start + offset), checksum == 0 ? (ushort)0xFFFF : checksum);
        return summed;
    }

    /// <param name="sum">Of the pseudo-header.</param>
    private static void WriteChecksum(Span<byte> transport, int sum, int offset)
    {
        transport.Slice(offset, 2).Clear();
        ushort checksum = FlowSegment.Complement(FlowSegment.Fold(sum) + FlowSegment.Sum(transport));
        BinaryPrimitives.WriteUInt16BigEndian(transport[offset..], checksum == 0 ? (ushort)0xFFFF : checksum);
    }

    private static int Big(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16BigEndian(bytes[offset..]);

    private static int Little(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);
}
