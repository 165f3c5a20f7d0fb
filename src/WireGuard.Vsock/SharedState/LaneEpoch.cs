namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Tells control whether a lane may still hold a retired object: odd while the lane runs a batch, even while it waits. A lane
/// whose epoch was even, or has changed since, holds nothing that it could reach before.
/// </summary>
internal sealed class LaneEpoch
{
    private long _value;

    public long Value => Volatile.Read(ref _value);

    /// <summary>The lane begins a batch. A full fence: its later reads are not older than this.</summary>
    public void Enter() => Interlocked.Increment(ref _value);

    /// <summary>The lane has let go of everything.</summary>
    public void Leave() => Interlocked.Increment(ref _value);

    public bool HasPassed(long seen) => (seen & 1) == 0 || Value != seen;
}
