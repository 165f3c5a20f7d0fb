namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Whether lanes take turns: each is woken, and must have begun or ended a turn when that is asked again. A lane that has nothing
/// to do does so within microseconds; one that hangs, or is not woken by its events any more, does not. Control only.
/// </summary>
internal sealed class LaneWatch
{
    private readonly LaneEpoch[] _epochs;
    private readonly Action<int> _wake;
    private readonly long[] _seen;
    private bool _isBegun;

    /// <param name="epochs">Of each lane.</param>
    /// <param name="wake">Has a lane take a turn.</param>
    public LaneWatch(LaneEpoch[] epochs, Action<int> wake)
    {
        (_epochs, _wake) = (epochs, wake);
        _seen = new long[epochs.Length];
    }

    /// <summary>The first lane that has done nothing since this was called before; null if there is none. Wakes all.</summary>
    public int? FindStuck()
    {
        int? stuck = null;
        for (int i = _epochs.Length - 1; i >= 0; i--)
        {
            long now = _epochs[i].Value;
            if (_isBegun && now == _seen[i])
                stuck = i;
            _seen[i] = now;
            _wake(i);
        }

        _isBegun = true;
        return stuck;
    }
}
