using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// Whether lanes take turns: each is woken, and must have begun or ended a turn when that is asked again. A lane that has nothing
/// to do does so within microseconds; one that hangs, or is not woken by its events any more, does not. Control only.
/// </summary>
internal sealed class LaneWatch
{
    private readonly IReadOnlyList<(LaneEpoch Epoch, Action Wake)> _lanes;
    private readonly long[] _seen;
    private bool _isBegun;

    public LaneWatch(IReadOnlyList<(LaneEpoch Epoch, Action Wake)> lanes)
    {
        _lanes = lanes;
        _seen = new long[lanes.Count];
    }

    /// <summary>The first lane that has done nothing since this was called before; null if there is none. Wakes all.</summary>
    public int? FindStuck()
    {
        int? stuck = null;
        for (int i = _lanes.Count - 1; i >= 0; i--)
        {
            long now = _lanes[i].Epoch.Value;
            if (_isBegun && now == _seen[i])
                stuck = i;
            _seen[i] = now;
            _lanes[i].Wake();
        }

        _isBegun = true;
        return stuck;
    }
}
