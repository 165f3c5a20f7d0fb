using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Control;

/// <summary>
/// Learns that this virtual machine was restored from a snapshot or cloned: the kernel's vmgenid driver sends the uevent
/// NEW_VMGENID=1 (drivers/virt/vmgenid.c). Two copies of one machine must never use one keypair's counter twice, so the keypairs
/// are discarded then. Without the privilege <see cref="Fd"/> is -1; without the driver there are no events.
/// <para>A uevent: <code>change@/devices/… \0 ACTION=change \0 DEVPATH=/devices/… \0 … \0 NEW_VMGENID=1 \0</code></para>
/// <para>Owned by the control thread, whose epoll watches <see cref="Fd"/>.</para>
/// </summary>
internal sealed unsafe class GenerationMonitor : IDisposable
{
    private readonly FileDescriptor _uevents;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(8 * 1024, pinned: true);

    public GenerationMonitor()
    {
        _uevents = new FileDescriptor(Sys.Socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT));
        if (_uevents.IsInvalid) return;
        sockaddr_nl address = new() { nl_family = AF_NETLINK, nl_groups = 1 };
        if (Sys.Bind(_uevents.Fd, MemoryMarshal.AsBytes(new ReadOnlySpan<sockaddr_nl>(ref address))) >= 0) return;
        _uevents.Dispose();
        _uevents = new FileDescriptor(-1);
    }

    /// <summary>Readable when there is something to <see cref="Read"/>; -1 if uevents cannot be received.</summary>
    public int Fd => _uevents.IsInvalid ? -1 : _uevents.Fd;

    /// <summary>Reads the events: whether the machine may have been restored or cloned.</summary>
    public bool Read()
    {
        bool changed = false;
        while (Fd >= 0)
        {
            int n = Receive();
            // Messages were lost, maybe this one. A needless handshake is cheap.
            if (n == -Errno.ENOBUFS) changed = true;
            else if (n < 0) break;
            else changed |= IsGenerationChange(_buffer.AsSpan(0, n));
        }
        return changed;
    }

    public static bool IsGenerationChange(ReadOnlySpan<byte> uevent) => uevent.IndexOf("\0NEW_VMGENID=1\0"u8) >= 0;

    public void Dispose() => _uevents.Dispose();

    /// <summary>The length of the next message from the kernel; 0 for a message of another sender, such as udev.</summary>
    private int Receive()
    {
        sockaddr_nl source;
        fixed (byte* buffer = _buffer)
        {
            iovec part = new() { iov_base = buffer, iov_len = (nuint)_buffer.Length };
            msghdr message = new()
            {
                msg_name = &source,
                msg_namelen = (uint)sizeof(sockaddr_nl),
                msg_iov = &part,
                msg_iovlen = 1,
            };
            int n = Sys.RecvMsg(_uevents.Fd, &message, 0);
            return n >= 0 && source.nl_pid != 0 ? 0 : n;
        }
    }
}
