using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Control;

/// <summary>
/// Learns that this virtual machine was restored from a snapshot or cloned: the kernel's vmgenid driver sends the uevent
/// NEW_VMGENID=1 (drivers/virt/vmgenid.c). Two copies of one machine must never use one keypair's counter twice, so the keypairs
/// are discarded then. Without the privilege <see cref="Fd"/> is -1; without the driver there are no events.
/// <para>A uevent: <code>change@/devices/… \0 ACTION=change \0 DEVPATH=/devices/… \0 … \0 NEW_VMGENID=1 \0</code></para>
/// <para>Owned by the control thread, whose epoll watches <see cref="Fd"/>.</para>
/// </summary>
internal sealed class GenerationMonitor : IDisposable
{
    private readonly NetlinkSocket? _uevents;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(8 * 1024, pinned: true);

    public GenerationMonitor()
    {
        try
        {
            _uevents = new NetlinkSocket(NETLINK_KOBJECT_UEVENT);
            _uevents.Subscribe(groups: 1);
        }
        catch (LinuxException)
        {
            _uevents?.Dispose();
            _uevents = null;
        }
    }

    /// <summary>Readable when there is something to <see cref="Read"/>; -1 if uevents cannot be received.</summary>
    public int Fd => _uevents?.Fd ?? -1;

    /// <summary>Reads the events: whether the machine may have been restored or cloned.</summary>
    public bool Read()
    {
        bool changed = false;
        while (_uevents is not null)
        {
            int n = _uevents.Receive(_buffer, out _);
            // Messages were lost, maybe this one. A needless handshake is cheap.
            if (n == -Errno.ENOBUFS) changed = true;
            else if (n < 0) break;
            else changed |= IsGenerationChange(_buffer.AsSpan(0, n));
        }
        return changed;
    }

    public static bool IsGenerationChange(ReadOnlySpan<byte> uevent) => uevent.IndexOf("\0NEW_VMGENID=1\0"u8) >= 0;

    public void Dispose() => _uevents?.Dispose();
}
