namespace WireGuard.Vsock.Relay;

/// <summary>A rule that is in force, with what all lanes share of it.</summary>
/// <param name="settings">As it was read.</param>
/// <param name="targets">Where it carries messages to: one with `To`, else one a peer.</param>
/// <param name="routes">Which message is for which target; null with `To`.</param>
/// <param name="idleMs">After so long without a message its links are closed.</param>
internal sealed class ActiveRule(RelayRule settings, IReadOnlyList<Target> targets, PeerRoutes? routes, long idleMs)
{
    public RelayRule Settings { get; } = settings;

    public IReadOnlyList<Target> Targets { get; } = targets;

    public PeerRoutes? Routes { get; } = routes;

    public long IdleMs { get; } = idleMs;

    public bool IsRaw => Settings.IsRaw;

    /// <summary>Whether a rule that was read is this one.</summary>
    public bool IsSame(RelayRule other) =>
        Settings.To == other.To && Settings.IsRaw == other.IsRaw
        && Settings.Listen.SequenceEqual(other.Listen) && Settings.Peers.SequenceEqual(other.Peers);
}
