namespace WireGuard.Vsock.SharedState;

/// <summary>What is known of an interface's provisioning. The daemon keeps it for `show` and does nothing by it.</summary>
internal sealed record DeviceNotes
{
    /// <summary>More of them are not shown.</summary>
    internal const int MaxAwaited = 1024;

    /// <summary>nitro or unattested; null if it is not provisioned.</summary>
    internal string? Provision { get; init; }

    /// <summary>Where verifiers are answered.</summary>
    internal uint? ProvisionPort { get; init; }

    /// <summary>The sections whose peer is not learned.</summary>
    internal IReadOnlyList<AwaitedPeer> Awaited { get; init; } = [];
}

/// <summary>A peer whose key is yet to be learned.</summary>
/// <param name="Address">Where it is attested.</param>
/// <param name="Reason">Why it is not learned yet.</param>
internal sealed record AwaitedPeer(string Address, string Reason);
