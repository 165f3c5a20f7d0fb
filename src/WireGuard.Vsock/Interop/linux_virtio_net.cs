using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>linux/virtio_net.h (include/uapi/linux/virtio_net.h).</summary>
internal static partial class Libc
{
    public const byte VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
    public const byte VIRTIO_NET_HDR_F_DATA_VALID = 2;

    public const byte VIRTIO_NET_HDR_GSO_NONE = 0;
    public const byte VIRTIO_NET_HDR_GSO_TCPV4 = 1;

    /// <summary>UFO: one large datagram, to be sent as IP fragments.</summary>
    public const byte VIRTIO_NET_HDR_GSO_UDP = 3;
    public const byte VIRTIO_NET_HDR_GSO_TCPV6 = 4;

    /// <summary>USO: coalesced datagrams of one size.</summary>
    public const byte VIRTIO_NET_HDR_GSO_UDP_L4 = 5;

    /// <summary>Beside one of the TCP kinds: the CWR flag is set.</summary>
    public const byte VIRTIO_NET_HDR_GSO_ECN = 0x80;

    /// <summary>In the machine's byte order, which is little-endian (tun_is_little_endian in drivers/net/tun.c).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct virtio_net_hdr
    {
        public byte flags;
        public byte gso_type;

        /// <summary>All headers of the packet. What the kernel says here is no more than a hint.</summary>
        public ushort hdr_len;
        public ushort gso_size;

        /// <summary>Where summing begins.</summary>
        public ushort csum_start;

        /// <summary>Where the checksum is put, counted from <see cref="csum_start"/>.</summary>
        public ushort csum_offset;
    }
}
