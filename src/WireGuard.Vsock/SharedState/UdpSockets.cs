using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <summary>One lane's UDP sockets, of one or both families. Immutable; closed when no lane can still use them.</summary>
internal sealed record UdpSockets(UdpSocket? IPv4, UdpSocket? IPv6) : IDisposable
{
    /// <summary>The one port of both.</summary>
    public ushort Port { get; } = (IPv4 ?? IPv6)?.LocalPort ?? 0;

    /// <summary>Of each family that there is.</summary>
    public bool HaveLargeBuffers => IPv4 is not { HasLargeBuffers: false } && IPv6 is not { HasLargeBuffers: false };

    public UdpSocket? For(UdpDestination destination) => destination.IsIPv6 ? IPv6 : IPv4;

    public void Dispose()
    {
        IPv4?.Dispose();
        IPv6?.Dispose();
    }
}
