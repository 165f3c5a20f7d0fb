using System.Diagnostics;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Segmentation;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tun;

/// <summary>
/// The virtio header before each packet of a TUN device with IFF_VNET_HDR (Virtual I/O Device version 1.2, section 5.1.6, in its
/// legacy form of 10 bytes). A descriptor that was handed to us may have anything behind it, so what is read is checked
/// against the packet: whatever <see cref="TryRead"/> lets pass lies within it.
/// </summary>
internal static class VirtioHeader
{
    public const int Size = 10;

    /// <summary>
    /// Reads a header and the headers of the packet behind it. Of a packet that is to be segmented this holds afterwards: by its
    /// own headers it is of the kind that the device says; it ends where they say, and has a payload; its TCP or UDP checksum is
    /// partial. Of another with a partial checksum: that lies within the packet, and summing begins behind the IP header.
    /// </summary>
    /// <param name="header"><see cref="Size"/> bytes.</param>
    /// <param name="packet">The packet and nothing behind it.</param>
    /// <param name="headers">What both say.</param>
    /// <returns>False when it is nothing the kernel says, or no IP packet: it is to be dropped.</returns>
    public static bool TryRead(ReadOnlySpan<byte> header, ReadOnlySpan<byte> packet, out PacketHeaders headers)
    {
        if (header.Length >= Size
            && PacketHeaders.TryRead(packet, out headers)
            && TryReadOffload(MemoryMarshal.Read<virtio_net_hdr>(header), packet.Length, ref headers))
        {
            return true;
        }

        headers = default;
        return false;
    }

    /// <summary>Writes a header.</summary>
    /// <param name="header">Receives <see cref="Size"/> bytes.</param>
    /// <param name="headers">
    /// Of the packet, and what is left to the kernel; <see cref="SegmentationKind.Udp"/> only since Linux 6.2.
    /// </param>
    public static void Write(Span<byte> header, in PacketHeaders headers)
    {
        if (!headers.NeedsChecksum)
        {
            Debug.Assert(headers.SegmentSize == 0);
            header[..Size].Clear();
            return;
        }

        byte type = headers.SegmentSize == 0 ? VIRTIO_NET_HDR_GSO_NONE : headers.Kind switch
        {
            SegmentationKind.TcpIPv4 => VIRTIO_NET_HDR_GSO_TCPV4,
            SegmentationKind.TcpIPv6 => VIRTIO_NET_HDR_GSO_TCPV6,
            SegmentationKind.Udp => VIRTIO_NET_HDR_GSO_UDP_L4,
            _ => VIRTIO_NET_HDR_GSO_NONE,
        };
        // Of the segments of TCP only the first keeps CWR.
        bool hasCwr = type != VIRTIO_NET_HDR_GSO_NONE && (headers.TcpFlags & PacketHeaders.TcpCwr) != 0;
        virtio_net_hdr h = new()
        {
            flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
            gso_type = (byte)(type | (hasCwr ? VIRTIO_NET_HDR_GSO_ECN : 0)),
            hdr_len = headers.PayloadOffset,
            gso_size = headers.SegmentSize,
            csum_start = headers.PartialStart,
            csum_offset = headers.PartialOffset,
        };
        MemoryMarshal.Write(header, in h);
    }

    private static bool TryReadOffload(in virtio_net_hdr h, int length, ref PacketHeaders headers)
    {
        if ((h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
        {
            if (h.csum_start < headers.IpHeaderSize || h.csum_start + h.csum_offset + sizeof(ushort) > length)
                return false;
            headers.PartialStart = h.csum_start;
            headers.PartialOffset = h.csum_offset;
        }

        if (h.gso_type == VIRTIO_NET_HDR_GSO_NONE)
            return true;
        if (h.gso_size == 0 || KindOf(h.gso_type) != headers.Kind || !headers.NeedsOwnChecksum)
            return false;
        if (headers.Length != length || headers.PayloadLength == 0)
            return false;
        headers.SegmentSize = h.gso_size;
        return true;
    }

    private static SegmentationKind KindOf(byte gsoType) => gsoType switch
    {
        VIRTIO_NET_HDR_GSO_TCPV4 or VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN => SegmentationKind.TcpIPv4,
        VIRTIO_NET_HDR_GSO_TCPV6 or VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN => SegmentationKind.TcpIPv6,
        VIRTIO_NET_HDR_GSO_UDP_L4 => SegmentationKind.Udp,
        _ => SegmentationKind.None,
    };
}
