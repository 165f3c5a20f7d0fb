namespace WireGuard.Vsock.Relay;

/// <summary>A rule that is in force, with what all lanes share of it.</summary>
/// <param name="settings">As it was read.</param>
/// <param name="targets">Where it carries messages to: one with `To`, else one a peer.</param>
/// <param name="routes">Which message is for which target; null with `To`.</param>
internal sealed class ActiveRule(RelayRule settings, IReadOnlyList<Target> targets, PeerRoutes? routes)
{
    private int _lanes; // interlocked: those that have not yet ended it

    public RelayRule Settings { get; } = settings;

    public IReadOnlyList<Target> Targets { get; } = targets;

    public PeerRoutes? Routes { get; } = routes;

    public bool IsRaw => Settings.IsRaw;

    /// <summary>It is in force no longer: so many lanes are to end it.</summary>
    public void BeginEnd(int lanes) => Volatile.Write(ref _lanes, lanes);

    /// <summary>A lane has ended it: after the last one the cookies' secrets are wiped.</summary>
    public void EndedByLane()
    {
        if (Interlocked.Decrement(ref _lanes) == 0)
            Routes?.Dispose();
    }

    /// <summary>Whether a rule that was read is this one.</summary>
    public bool IsSame(RelayRule other) =>
        Settings.To == other.To && Settings.IsRaw == other.IsRaw
        && Settings.Listen.SequenceEqual(other.Listen) && Settings.Peers.SequenceEqual(other.Peers);
}
