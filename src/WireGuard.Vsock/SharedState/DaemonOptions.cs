using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <param name="Network">What messages travel over.</param>
/// <param name="Lanes">Event loops of the data plane, at least 1.</param>
/// <param name="Streams">Parallel connections to each peer whose endpoint we dial, at least 1.</param>
/// <param name="Superpackets">Whether HELLO is sent.</param>
/// <param name="UdpOffloads">Which of the kernel's UDP offloads are used.</param>
internal sealed record DaemonOptions(NetworkKind Network, int Lanes, int Streams, bool Superpackets, UdpOffloads UdpOffloads)
{
    /// <summary>The most lanes there are.</summary>
    public const int MaxLanes = 16;

    /// <summary>The most connections of one peer, in both directions.</summary>
    public const int MaxStreams = 8;

    /// <summary>Which `up` started the daemon, which `status` tells; null if none did.</summary>
    public string? Instance { get; init; }

    /// <summary>Who may look into it.</summary>
    public ServiceOptions Service { get; init; } = new();

    /// <summary>The hypervisor's vmclock device.</summary>
    public string VmClock { get; init; } = WireGuard.Vsock.SharedState.VmClock.DevicePath;
}
