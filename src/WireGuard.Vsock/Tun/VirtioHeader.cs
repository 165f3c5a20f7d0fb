using System.Diagnostics;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Segmentation;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tun;

/// <summary>
/// The virtio header before each packet of a TUN device with IFF_VNET_HDR (Virtual I/O Device version 1.2, section 5.1.6, in its
/// legacy form of 10 bytes). Who hands us a descriptor may put anything behind it, so what is read is checked against the
/// packet: whatever <see cref="TryRead"/> lets pass lies within it.
/// </summary>
internal static class VirtioHeader
{
    public const int Size = 10;

    private const int TcpChecksumOffset = 16;
    private const int UdpChecksumOffset = 6;
    private const int TcpHeaderSize = 20;
    private const int UdpHeaderSize = 8;
    private const int IPv4HeaderSize = 20;
    private const int IPv6HeaderSize = 40;

    /// <summary>
    /// Reads a header, and checks it against its packet. Of a packet that is to be cut this holds afterwards: its IP version is
    /// the kind's; <see cref="PacketOffload.ChecksumStart"/> is behind the IP header; a whole TCP or UDP header stands there,
    /// with payload behind it. Not checked: the lengths in IP and UDP headers, and IPv6 extension headers.
    /// </summary>
    /// <returns>False when it is nothing the kernel says: the packet is to be dropped.</returns>
    public static bool TryRead(ReadOnlySpan<byte> header, ReadOnlySpan<byte> packet, out PacketOffload offload)
    {
        offload = default;
        if (header.Length < Size)
            return false;
        virtio_net_hdr h = MemoryMarshal.Read<virtio_net_hdr>(header);
        bool needsChecksum = (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
        if (needsChecksum && !HoldsChecksum(packet, h.csum_start, h.csum_offset))
            return false;

        if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE)
        {
            SegmentationKind kind = KindOf(h.gso_type);
            if (kind == SegmentationKind.None || h.gso_size == 0 || !needsChecksum)
                return false;
            if (!CanBeCut(packet, kind, h.csum_start, h.csum_offset))
                return false;
            offload = new PacketOffload(kind, h.gso_size, true, h.csum_start, h.csum_offset);
        }
        else if (needsChecksum)
        {
            offload = new PacketOffload(SegmentationKind.None, 0, true, h.csum_start, h.csum_offset);
        }

        return true;
    }

    /// <summary>Writes a header.</summary>
    /// <param name="header">Receives <see cref="Size"/> bytes.</param>
    /// <param name="offload">What is left to the kernel; <see cref="SegmentationKind.Udp"/> only since Linux 6.2.</param>
    /// <param name="headerLength">All headers of the packet, in bytes: no more than it has. 0 if nothing is left to do.</param>
    /// <param name="hasCwr">Whether it is TCP with the CWR flag: of its segments only the first keeps that.</param>
    public static void Write(Span<byte> header, in PacketOffload offload, int headerLength, bool hasCwr)
    {
        Debug.Assert(offload.Kind == SegmentationKind.None || offload is { NeedsChecksum: true, SegmentSize: > 0 });
        byte type = offload.Kind switch
        {
            SegmentationKind.TcpIPv4 => VIRTIO_NET_HDR_GSO_TCPV4,
            SegmentationKind.TcpIPv6 => VIRTIO_NET_HDR_GSO_TCPV6,
            SegmentationKind.Udp => VIRTIO_NET_HDR_GSO_UDP_L4,
            _ => VIRTIO_NET_HDR_GSO_NONE,
        };
        bool isTcp = offload.Kind is SegmentationKind.TcpIPv4 or SegmentationKind.TcpIPv6;
        virtio_net_hdr h = new()
        {
            flags = offload.NeedsChecksum ? VIRTIO_NET_HDR_F_NEEDS_CSUM : (byte)0,
            gso_type = (byte)(type | (isTcp && hasCwr ? VIRTIO_NET_HDR_GSO_ECN : 0)),
            hdr_len = (ushort)headerLength,
            gso_size = (ushort)offload.SegmentSize,
            csum_start = (ushort)offload.ChecksumStart,
            csum_offset = (ushort)offload.ChecksumOffset,
        };
        MemoryMarshal.Write(header, in h);
    }

    private static SegmentationKind KindOf(byte gsoType) => gsoType switch
    {
        VIRTIO_NET_HDR_GSO_TCPV4 or VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN => SegmentationKind.TcpIPv4,
        VIRTIO_NET_HDR_GSO_TCPV6 or VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN => SegmentationKind.TcpIPv6,
        VIRTIO_NET_HDR_GSO_UDP_L4 => SegmentationKind.Udp,
        _ => SegmentationKind.None,
    };

    /// <summary>Whether the checksum lies within the packet and behind its IP header.</summary>
    private static bool HoldsChecksum(ReadOnlySpan<byte> packet, int start, int offset) =>
        start + offset + sizeof(ushort) <= packet.Length && (packet[0] >> 4) switch
        {
            4 => start >= IPv4HeaderSize && start >= IPv4HeaderLength(packet),
            6 => start >= IPv6HeaderSize,
            _ => false,
        };

    /// <summary>Whether a packet that <see cref="HoldsChecksum"/> is of that kind, with whole headers and payload.</summary>
    private static bool CanBeCut(ReadOnlySpan<byte> packet, SegmentationKind kind, int start, int offset)
    {
        bool isIPv4 = packet[0] >> 4 == 4;
        bool isUdp = kind == SegmentationKind.Udp;
        if (!isUdp && isIPv4 != (kind == SegmentationKind.TcpIPv4))
            return false;
        if (isIPv4 && !IsWholeIPv4(packet, start, isUdp ? (byte)17 : (byte)6))
            return false;
        if (isUdp)
            return offset == UdpChecksumOffset && start + UdpHeaderSize < packet.Length;
        if (offset != TcpChecksumOffset || start + TcpHeaderSize >= packet.Length)
            return false;
        int tcpHeader = packet[start + 12] >> 4 << 2;
        return tcpHeader >= TcpHeaderSize && start + tcpHeader < packet.Length;
    }

    /// <summary>Whether the transport header follows the IPv4 header, and the packet is no fragment.</summary>
    private static bool IsWholeIPv4(ReadOnlySpan<byte> packet, int start, byte protocol) =>
        start == IPv4HeaderLength(packet) && packet[9] == protocol && (packet[6] & 0x3f) == 0 && packet[7] == 0;

    private static int IPv4HeaderLength(ReadOnlySpan<byte> packet) => (packet[0] & 0xf) << 2;
}
