using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Whether TCP sockets that we connected have the source address that their route would choose now. One that has not may lead
/// nowhere, since the network that routes lead to now may carry no packets from that address. Control only.
/// </summary>
internal sealed class StreamSources(RouteQuery routes)
{
    /// <summary>Says so of a socket, or that one more attempt would not make it right.</summary>
    /// <param name="peer">That it was connected for.</param>
    /// <param name="fd">The socket.</param>
    /// <param name="to">What it was connected to.</param>
    /// <param name="sinceMs">When it was.</param>
    /// <param name="mark">Its SO_MARK.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool IsRight(StreamPeer peer, int fd, EndpointAddress to, long sinceMs, uint mark, long nowMs)
    {
        Span<byte> local = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        if (to.IsVsock || to.ScopeId != 0 || Sys.GetSockName(fd, local) < 0)
            return true;
        UInt128 used = RouteQuery.AddressBits(to.IsIPv6 ? local.Slice(8, 16) : local.Slice(4, 4));
        int result = routes.TryAsk(to, [], IPPROTO_TCP, fromPort: 0, mark, out Route now);
        // Without any route, or where one cannot tell, there is nothing better to use.
        if (result < 0 || now.Source == 0)
            return true;
        if (now.Source == used)
        {
            peer.Moved = default;
            return true;
        }

        if ((peer.Moved.Used, peer.Moved.Chosen) != (used, now.Source))
            peer.Moved = (used, now.Source, nowMs);
        // Else something that is not asked here, such as a BPF program, chooses for this socket: it would do so again.
        return sinceMs > peer.Moved.AtMs;
    }
}
