namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Tells control whether a lane may still hold what was taken from it: odd while the lane runs a batch, even while it waits.
/// A lane that was even, or whose number has changed, has let go of everything it could reach before.
/// </summary>
internal sealed class LaneEpoch
{
    private long _value;

    public long Value => Volatile.Read(ref _value);

    /// <summary>The lane begins a batch. A full fence: what it reads from now on is at least as new as this.</summary>
    public void Enter() => Interlocked.Increment(ref _value);

    /// <summary>The lane has let go of everything.</summary>
    public void Leave() => Interlocked.Increment(ref _value);

    public bool HasPassed(long seen) => (seen & 1) == 0 || Value != seen;
}
