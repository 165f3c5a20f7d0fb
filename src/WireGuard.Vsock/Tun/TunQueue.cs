using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tun;

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
    public int WriteV(Libc.iovec* pieces, int count) => _device.WriteV(_index, pieces, count);
}
