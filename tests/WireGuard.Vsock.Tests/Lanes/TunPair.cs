using System.Runtime.InteropServices;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>
/// A socket that keeps records apart in the place of a TUN device's descriptor: what the test gives, the device reads, and what
/// the device writes, the test takes.
/// </summary>
internal sealed unsafe partial class TunPair : IDisposable
{
    private const int SOCK_SEQPACKET = 5; // include/linux/net.h
    private const int MSG_PEEK = 2;
    private const int RecordsBuffer = 1 << 20; // more than the kernel grants

    private readonly byte[] _record = new byte[TunDevice.MaxRead + 1];

    public TunPair(
        TunOffloads offloads = TunOffloads.Tcp | TunOffloads.Udp, bool hasHeader = true, bool refusesUnsegmented = false)
    {
        int* ends = stackalloc int[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            throw new InvalidOperationException("socketpair failed");
        for (int i = 0; i < 2; i++)
            Sys.Check(Sys.SetOption(ends[i], SOL_SOCKET, SO_SNDBUF, RecordsBuffer), "setsockopt");
        Far = ends[1];
        var queue = new FileDescriptor(ends[0]);
        Device = refusesUnsegmented
            ? new RefusingDevice(queue, hasHeader, offloads)
            : new TunDevice("test", [queue], hasHeader, offloads);
    }

    public TunDevice Device { get; }

    public TunQueue Queue => new(Device, 0);

    /// <summary>The end that the test holds.</summary>
    public int Far { get; }

    /// <summary>Whether the device has not read everything yet.</summary>
    public bool HasMore => Sys.Recv(Queue.Fd, stackalloc byte[1], MSG_PEEK) > 0;

    /// <summary>The kernel's header of a packet of which nothing is left to do.</summary>
    public static byte[] NoHeader => new byte[VirtioHeader.Size];

    /// <summary>A header, field by field: it may lie.</summary>
    public static byte[] Header(int flags, int gsoType, int gsoSize, int start, int offset)
    {
        virtio_net_hdr header = new()
        {
            flags = (byte)flags,
            gso_type = (byte)gsoType,
            gso_size = (ushort)gsoSize,
            csum_start = (ushort)start,
            csum_offset = (ushort)offset,
        };
        return MemoryMarshal.AsBytes(new ReadOnlySpan<virtio_net_hdr>(in header)).ToArray();
    }

    /// <summary>The header of a packet that is left unsegmented, or at least unsummed if there is no segment size.</summary>
    public static byte[] Header(TestPacket packet, int segmentSize) => Header(
        VIRTIO_NET_HDR_F_NEEDS_CSUM,
        segmentSize == 0 ? VIRTIO_NET_HDR_GSO_NONE : GsoType(packet),
        segmentSize,
        packet.TransportOffset,
        packet.ChecksumOffset - packet.TransportOffset);

    public static int GsoType(TestPacket packet) =>
        packet.Kind switch
        {
            SegmentationKind.TcpIPv4 => VIRTIO_NET_HDR_GSO_TCPV4,
            SegmentationKind.TcpIPv6 => VIRTIO_NET_HDR_GSO_TCPV6,
            _ => VIRTIO_NET_HDR_GSO_UDP_L4,
        } | (!packet.IsUdp && (packet.Flags & TestPacket.Cwr) != 0 ? VIRTIO_NET_HDR_GSO_ECN : 0);

    /// <summary>Gives a packet behind a header; the device may have none.</summary>
    public void Give(byte[] header, byte[] packet)
    {
        byte[] record = Device.HasHeader ? [.. header, .. packet] : packet;
        Assert.Equal(record.Length, Sys.Send(Far, record, MSG_NOSIGNAL));
    }

    /// <summary>Gives a packet as the kernel leaves it to us: its checksum partial.</summary>
    public void Give(TestPacket packet, int segmentSize) => Give(Header(packet, segmentSize), packet.BuildPartial());

    /// <summary>What was written, header and packet each.</summary>
    public List<(byte[] Header, byte[] Packet)> Taken()
    {
        List<(byte[], byte[])> taken = [];
        for (int n; (n = Take(_record)) > 0;)
        {
            int start = Device.HasHeader ? VirtioHeader.Size : 0;
            taken.Add((_record[..start], _record[start..n]));
        }

        return taken;
    }

    /// <summary>Takes one record, into a buffer.</summary>
    public int Take(byte[] buffer) => Sys.Recv(Far, buffer, 0);

    public void Dispose()
    {
        Device.Dispose();
        Sys.Close(Far);
    }

    /// <summary>As some kernels: packets of which something is left to do are invalid to it.</summary>
    public sealed class RefusingDevice(FileDescriptor queue, bool hasHeader, TunOffloads offloads)
        : TunDevice("test", [queue], hasHeader, offloads)
    {
        /// <summary>How many it has refused.</summary>
        public int Refused { get; private set; }

        public override int Write(int queue, ReadOnlySpan<byte> headerAndPacket) =>
            Refuses(headerAndPacket) ? -Errno.EINVAL : base.Write(queue, headerAndPacket);

        public override int WriteV(int queue, iovec* pieces, int count) =>
            Refuses(new Span<byte>(pieces[0].iov_base, (int)pieces[0].iov_len))
                ? -Errno.EINVAL
                : base.WriteV(queue, pieces, count);

        private bool Refuses(ReadOnlySpan<byte> headerAndPacket)
        {
            bool refuses = headerAndPacket[..VirtioHeader.Size].ContainsAnyExcept((byte)0);
            Refused += refuses ? 1 : 0;
            return refuses;
        }
    }

    [LibraryImport("libc")]
    private static partial int socketpair(int domain, int type, int protocol, int* sv);
}
