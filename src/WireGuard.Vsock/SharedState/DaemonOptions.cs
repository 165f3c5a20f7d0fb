using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <param name="Network">What messages travel over.</param>
/// <param name="Lanes">Event loops of the data plane, at least 1.</param>
/// <param name="Streams">Parallel connections to each peer whose endpoint we dial, at least 1.</param>
/// <param name="Superpackets">Whether peers of our kind are told what more we can do.</param>
/// <param name="UdpOffloads">What of the kernel's help with trains of datagrams is used.</param>
internal sealed record DaemonOptions(NetworkKind Network, int Lanes, int Streams, bool Superpackets, UdpOffloads UdpOffloads)
{
    /// <summary>The most lanes there are.</summary>
    public const int MaxLanes = 16;

    /// <summary>Connections of one peer, whoever dials them.</summary>
    public const int MaxStreams = 8;

    /// <summary>Where the hypervisor tells of clones, if it does.</summary>
    public string VmClock { get; init; } = WireGuard.Vsock.SharedState.VmClock.DevicePath;
}
