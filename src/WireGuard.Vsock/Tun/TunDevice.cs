using System.Diagnostics;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tun;

/// <summary>
/// A TUN interface (Documentation/networking/tuntap.rst): whole IP packets behind a virtio header, one non-blocking descriptor a
/// queue. With offloads, a packet may be unsegmented, as its <see cref="VirtioHeader"/> says. A device without the header is used
/// as if its headers were all zero.
/// <para>
/// The interface lives as long as its descriptors. It may be renamed, moved to another network namespace or deleted at any time.
/// After deletion every read and write returns EBADFD, and epoll reports EPOLLERR.
/// </para>
/// <para>Any thread may use it; a queue's reads and writes belong to the lane that owns the queue.</para>
/// </summary>
internal unsafe class TunDevice : IDisposable
{
    /// <summary>1,500 less the headers of IPv6, UDP and WireGuard, as every WireGuard sets it.</summary>
    public const int DefaultMtu = 1420;

    /// <summary>MAX_TAP_QUEUES of include/linux/if_tap.h.</summary>
    public const int MaxQueues = 256;

    /// <summary>
    /// How many packets the kernel queues while we do not read. Waiting adds delay, so it is fewer than the kernel's 500
    /// (TUN_READQ_SIZE of drivers/net/tun.c); with 128, bursts of small datagrams were lost.
    /// </summary>
    public const int DefaultQueueLength = 200;

    /// <summary>The longest read: a header, and the longest packet there is.</summary>
    public const int MaxRead = VirtioHeader.Size + 65_535;

    private readonly FileDescriptor[] _queues;

    // Set by any lane, never cleared.
    private int _refusesUnsegmented;

    internal TunDevice(string name, FileDescriptor[] queues, bool hasHeader, TunOffloads offloads)
    {
        Name = name;
        _queues = queues;
        HasHeader = hasHeader;
        Offloads = offloads;
    }

    /// <summary>
    /// The name the interface had when it was opened, and that of its control socket, even if it is renamed later.
    /// </summary>
    public string Name { get; }

    public int QueueCount => _queues.Length;

    /// <summary>Whether a virtio header goes with each packet (IFF_VNET_HDR): then TCP may be written unsegmented.</summary>
    public bool HasHeader { get; }

    /// <summary>Whether packets may be written unsegmented: there is a header, and the kernel has refused none.</summary>
    public bool TakesUnsegmented => HasHeader && Volatile.Read(ref _refusesUnsegmented) == 0;

    /// <summary>What the kernel delivers unsegmented, and whether it accepts UDP unsegmented.</summary>
    public TunOffloads Offloads { get; }

    /// <summary>
    /// The kernel has refused an unsegmented packet whose segments it accepted (as Linux 6.6.44 does): no more are written.
    /// </summary>
    /// <returns>Whether this call was the first.</returns>
    public bool StopUnsegmented() => Interlocked.Exchange(ref _refusesUnsegmented, 1) == 0;

    /// <summary>False once the interface has been deleted; true in whatever namespace it is.</summary>
    public bool Exists => TryGetFlags(out _, out _) != -Errno.EBADFD;

    /// <summary>The queue's descriptor, for epoll.</summary>
    public int QueueFd(int queue) => _queues[queue].Fd;

    /// <summary>
    /// Reads one packet behind its header, which is zero if the device has none: the bytes of both; -EAGAIN if none waits;
    /// -EBADFD if the interface is gone; -EINVAL if the kernel dropped a packet of a kind that the header cannot express. A
    /// packet longer than the buffer is truncated.
    /// </summary>
    public int Read(int queue, Span<byte> headerAndPacket)
    {
        if (HasHeader)
            return Sys.Read(_queues[queue].Fd, headerAndPacket);
        headerAndPacket[..VirtioHeader.Size].Clear();
        int n = Sys.Read(_queues[queue].Fd, headerAndPacket[VirtioHeader.Size..]);
        return n <= 0 ? n : n + VirtioHeader.Size;
    }

    /// <summary>
    /// Writes one packet behind its header, which must be zero if the device has none: the bytes of both; -EIO if the interface
    /// is down; -EINVAL if the packet is neither IPv4 nor IPv6, or not what its header says; -EBADFD if the interface is gone.
    /// It never blocks.
    /// </summary>
    public virtual int Write(int queue, ReadOnlySpan<byte> headerAndPacket)
    {
        if (HasHeader)
            return Sys.Write(_queues[queue].Fd, headerAndPacket);
        Debug.Assert(headerAndPacket[..VirtioHeader.Size].IndexOfAnyExcept((byte)0) < 0);
        int n = Sys.Write(_queues[queue].Fd, headerAndPacket[VirtioHeader.Size..]);
        return n <= 0 ? n : n + VirtioHeader.Size;
    }

    /// <summary>
    /// As <see cref="Write"/>, in pieces of which the first begins with the header. Only for a device that has it.
    /// </summary>
    public virtual int WriteV(int queue, iovec* pieces, int count)
    {
        Debug.Assert(HasHeader);
        return Sys.WriteV(_queues[queue].Fd, pieces, count);
    }

    /// <summary>The name the interface has now, in whatever namespace it is; null if it is gone.</summary>
    public string? CurrentName() => TryGetFlags(out string name, out _) < 0 ? null : name;

    /// <summary>How it was made, as IFF_VNET_HDR; 0 if it is gone.</summary>
    public ushort Flags => TryGetFlags(out _, out ushort flags) < 0 ? (ushort)0 : flags;

    /// <summary>The inode of the network namespace it is in now (Linux 5.2); null without CAP_NET_ADMIN there.</summary>
    public ulong? Namespace => Sys.NetworkNamespace(_queues[0].Fd, TUNGETDEVNETNS);

    public void Dispose()
    {
        foreach (FileDescriptor queue in _queues) queue.Dispose();
        GC.SuppressFinalize(this);
    }

    private int TryGetFlags(out string name, out ushort flags) => LinkQuery.TunFlags(_queues[0].Fd, out name, out flags);
}

/// <summary>
/// One queue of a TUN device, as a lane uses it: one packet a call, behind <see cref="VirtioHeader.Size"/> bytes of header
/// whether the device has them or not; n bytes, header included, or a negated errno.
/// </summary>
internal readonly unsafe struct TunQueue(TunDevice device, int index)
{
    private readonly TunDevice _device = device;
    private readonly int _index = index;

    public int Fd => _device.QueueFd(_index);

    /// <inheritdoc cref="TunDevice.HasHeader"/>
    public bool HasHeader => _device.HasHeader;

    /// <inheritdoc cref="TunDevice.TakesUnsegmented"/>
    public bool TakesUnsegmented => _device.TakesUnsegmented;

    /// <inheritdoc cref="TunDevice.StopUnsegmented"/>
    public bool StopUnsegmented() => _device.StopUnsegmented();

    /// <inheritdoc cref="TunDevice.Offloads"/>
    public TunOffloads Offloads => _device.Offloads;

    /// <inheritdoc cref="TunDevice.Read"/>
    public int Read(Span<byte> headerAndPacket) => _device.Read(_index, headerAndPacket);

    /// <inheritdoc cref="TunDevice.Write"/>
    public int Write(ReadOnlySpan<byte> headerAndPacket) => _device.Write(_index, headerAndPacket);

    /// <inheritdoc cref="TunDevice.WriteV"/>
    public int WriteV(iovec* pieces, int count) => _device.WriteV(_index, pieces, count);
}

/// <summary>Which packets a TUN device delivers and accepts unsegmented.</summary>
[Flags]
internal enum TunOffloads
{
    None = 0,

    /// <summary>TCP segments, over IPv4 and IPv6 (TSO). Also packets whose checksum is still to be computed.</summary>
    Tcp = 1,

    /// <summary>UDP datagrams, over IPv4 and IPv6 (USO). Linux 6.2.</summary>
    Udp = 2,
}
