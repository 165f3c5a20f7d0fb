namespace WireGuard.Vsock.SharedState;

/// <summary>
/// What is known of a peer from its provisioning. The daemon keeps it for `show` and does nothing by it. A peer that is removed
/// loses it.
/// </summary>
internal sealed record PeerNote
{
    /// <summary>Of a document.</summary>
    internal const int MaxPcrs = 32;

    /// <summary>Where the peer was attested; null if this is the prover's end.</summary>
    internal string? Attest { get; init; }

    /// <summary>Unix time of the verification in seconds; 0 if there was no document.</summary>
    internal long AttestedAt { get; init; }

    /// <summary>The document's module_id.</summary>
    internal string? Module { get; init; }

    /// <summary>The document's measurements that are not zero, in lower-case hexadecimal digits.</summary>
    internal IReadOnlyList<ShownPcr> Pcrs { get; init; } = [];

    /// <summary>At the prover's end: Unix time in seconds at which the peer was taken; 0 at the other end.</summary>
    internal long ProvisionedAt { get; init; }
}

/// <summary>A measurement of a document, in lower-case hexadecimal digits.</summary>
internal sealed record ShownPcr(int Index, string Hex);
