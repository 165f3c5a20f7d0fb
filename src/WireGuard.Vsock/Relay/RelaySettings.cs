using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>What a relay was asked to do, without contradictions: as the arguments or the file say.</summary>
/// <param name="Rules">At least one. No two listen on the same address.</param>
/// <param name="Metrics">Where metrics can be read; null for nowhere.</param>
internal sealed record RelaySettings(IReadOnlyList<RelayRule> Rules, RelayLimits Limits, MetricsAddress? Metrics)
{
    /// <summary>Whether the process is confined once it listens.</summary>
    public bool IsSandboxed { get; init; } = true;
}

/// <summary>What is carried from where to where. Either <paramref name="To"/> or peers, never both.</summary>
/// <param name="Listen">At least one.</param>
/// <param name="To">Where everything goes; null if it goes to enclaves by their keys.</param>
/// <param name="Peers">Enclaves, each with a key of its own; several may be reached at one address.</param>
/// <param name="IsRaw">Whether bytes are carried as they are, between streams only, rather than WireGuard messages.</param>
internal sealed record RelayRule(
    IReadOnlyList<TransportAddress> Listen, TransportAddress? To, IReadOnlyList<RelayPeer> Peers, bool IsRaw);

/// <summary>An enclave behind the relay.</summary>
/// <param name="Key">Its public key, by which initiations name it.</param>
internal sealed record RelayPeer(PublicKey Key, TransportAddress To);

/// <summary>What a relay holds at once, and for how long.</summary>
/// <param name="MaxConnections">Near ends in all.</param>
/// <param name="MaxPerSource">Near ends of a source (<see cref="EndpointAddress.Source"/>).</param>
/// <param name="IdleSeconds">After so long without a message either way a link is closed.</param>
internal sealed record RelayLimits(int MaxConnections = 4096, int MaxPerSource = 1024, int IdleSeconds = 300)
{
    /// <summary>Of one rule: an initiation is compared with all of them.</summary>
    public const int MaxPeers = 1024;

    public const int MaxRules = 256;

    public const int MaxListeners = 256;
}
