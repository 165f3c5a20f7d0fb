using WireGuard.Attestation;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Provisioning;

/// <summary>A peer that is known by what it runs: its key is learned from the document it answers with.</summary>
internal sealed record AttestSettings
{
    /// <summary>Where its provisioning is reached; never over UDP.</summary>
    internal required TransportAddress Address { get; init; }

    /// <summary>What its PCRs have to be; several of one index: any of them.</summary>
    internal required IReadOnlyList<PcrPin> Pins { get; init; }

    /// <summary>The file of the root that must have signed, as written; null for AWS's.</summary>
    internal string? RootFile { get; init; }

    /// <summary>Whether a document of debug mode is taken, whose PCR0 is zero.</summary>
    internal bool AllowsDebug { get; init; }

    /// <summary>Whether an answer without a document is taken.</summary>
    internal bool AllowsUnattested { get; init; }

    /// <summary>What the peer is offered once its document holds.</summary>
    internal required Offer Offer { get; init; }
}
