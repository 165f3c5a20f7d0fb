using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Provisioning;

/// <summary>What a prover shows of itself.</summary>
internal enum ProvisionKind
{
    /// <summary>A document of the Nitro Secure Module's.</summary>
    Nitro,

    /// <summary>Nothing: for trying out.</summary>
    Unattested,
}

/// <summary>How an interface is provisioned: it answers verifiers, and takes a peer and settings from one.</summary>
/// <param name="From">The public keys of the verifiers that are taken; empty with <paramref name="TakesFirst"/>.</param>
/// <param name="TakesFirst">The first verifier that completes the exchange is taken, and no other until the process ends.</param>
/// <param name="Port">To listen on; null for the one behind the interface's own.</param>
internal sealed record ProvisionSettings(ProvisionKind Kind, IReadOnlyList<PublicKey> From, bool TakesFirst, uint? Port);
