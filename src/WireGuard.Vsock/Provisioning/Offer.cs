using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;

namespace WireGuard.Vsock.Provisioning;

/// <summary>The settings that a verifier offers a prover, which fill what the prover's own file leaves open.</summary>
internal sealed record Offer
{
    /// <summary>Of the prover's interface.</summary>
    internal IReadOnlyList<InterfaceAddress> Addresses { get; init; } = [];

    /// <summary>The verifier's, as the prover is to have them.</summary>
    internal IReadOnlyList<IpPrefix> AllowedIps { get; init; } = [];

    internal int? Mtu { get; init; }

    /// <summary>IP addresses.</summary>
    internal IReadOnlyList<string> DnsServers { get; init; } = [];

    internal IReadOnlyList<string> SearchDomains { get; init; } = [];
}
