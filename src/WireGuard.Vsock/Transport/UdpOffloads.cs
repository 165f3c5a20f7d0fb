using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Transport;

/// <summary>Which of the kernel's UDP offloads are used.</summary>
[Flags]
internal enum UdpOffloads
{
    None = 0,

    /// <summary>UDP_SEGMENT: the kernel segments one message into many datagrams. A socket option tells whether it can.</summary>
    Segment = 1,

    /// <summary>UDP_GRO: many datagrams are received as one message.</summary>
    Coalesce = 2,
}

/// <summary>Which of them a kernel implements correctly.</summary>
internal static class UdpOffloadSupport
{
    extension(UdpOffloads)
    {
        /// <summary>
        /// All that work in this release. UDP_GRO is broken before 5.12, where wireguard-go does not use it either: the
        /// kernel may coalesce datagrams that it should not.
        /// </summary>
        internal static UdpOffloads Of(KernelRelease release) =>
            release.IsAtLeast(5, 12) ? UdpOffloads.Segment | UdpOffloads.Coalesce : UdpOffloads.Segment;
    }
}
