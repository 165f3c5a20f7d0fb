using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// A page that the hypervisor writes and any process may map (drivers/ptp/ptp_vmclock.c): its disruption marker changes when this
/// machine is restored from a snapshot, before any of its processors runs. Safe to read from any thread.
/// </summary>
internal sealed unsafe class VmClock : IDisposable
{
    public const string DevicePath = "/dev/vmclock0";

    /// <summary>
    /// How often the marker is read while the hypervisor changes it, which takes nanoseconds. If the change never ends, the
    /// marker as it is then counts: the tunnel must not stop.
    /// </summary>
    private const int MaxReads = 1_000;

    private readonly vmclock_abi* _page;

    private VmClock(vmclock_abi* page) => _page = page;

    public ulong Marker
    {
        get
        {
            ulong marker = 0;
            for (int reads = 0; reads < MaxReads; reads++)
            {
                uint before = Volatile.Read(ref _page->seq_count);
                marker = Volatile.Read(ref _page->disruption_marker);
                if ((before & 1) == 0 && Volatile.Read(ref _page->seq_count) == before)
                    return marker;
            }

            return marker;
        }
    }

    /// <summary>Maps it; null where there is none, or of another version.</summary>
    public static VmClock? TryOpen(string path)
    {
        using FileDescriptor file = new(Sys.Open(path, O_RDONLY));
        vmclock_abi head = default;
        // Read before it is mapped: to touch a mapping past the end of a short file raises SIGBUS.
        if (file.IsInvalid || Sys.Read(file.Fd, MemoryMarshal.AsBytes(new Span<vmclock_abi>(ref head))) != sizeof(vmclock_abi))
            return null;
        if (head.magic != VMCLOCK_MAGIC || head.version != VMCLOCK_VERSION || head.size < sizeof(vmclock_abi))
            return null;
        void* page = mmap(null, (nuint)Environment.SystemPageSize, PROT_READ, MAP_SHARED, file.Fd, 0);
        return (nint)page == -1 ? null : new VmClock((vmclock_abi*)page);
    }

    public void Dispose() => _ = munmap(_page, (nuint)Environment.SystemPageSize);
}
