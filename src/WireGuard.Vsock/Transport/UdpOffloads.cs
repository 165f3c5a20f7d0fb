using WireGuard.Vsock.Interop;
namespace WireGuard.Vsock.Transport;

/// <summary>What of the kernel's help with trains of datagrams is used.</summary>
[Flags]
internal enum UdpOffloads
{
    None = 0,

    /// <summary>UDP_SEGMENT: one message is segmented into many datagrams. A kernel that has none says so.</summary>
    Segment = 1,

    /// <summary>UDP_GRO: many datagrams are received as one message.</summary>
    Coalesce = 2,
}

/// <summary>Which of them a kernel does well.</summary>
internal static class UdpOffloadSupport
{
    extension(UdpOffloads)
    {
        /// <summary>
        /// All that the release can be trusted with. UDP_GRO is broken before 5.12, where wireguard-go does not use it either: a
        /// socket may be handed messages that nobody has joined for it.
        /// </summary>
        internal static UdpOffloads Of(KernelRelease release) =>
            release.IsAtLeast(5, 12) ? UdpOffloads.Segment | UdpOffloads.Coalesce : UdpOffloads.Segment;
    }
}
