using WireGuard.Vsock.Events;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Gives memory back to the system after a request that took much of it. By itself the collector keeps it until there is
/// something new to collect, which in a daemon whose packets allocate nothing may be never. Control only.
/// </summary>
internal sealed class HeapTrim
{
    /// <summary>Lanes stand still meanwhile, for milliseconds: so whoever asks again and again must wait.</summary>
    private const int IntervalMs = 10_000;

    private readonly EventLoop _loop;
    private readonly Deadline _deadline;
    private long _lastMs;

    public HeapTrim(EventLoop loop)
    {
        _loop = loop;
        _lastMs = loop.NowMs - IntervalMs;
        _deadline = new Deadline(Trim);
    }

    /// <summary>Much was let go of, or will have been at the end of this turn: whoever asks may still refer to it.</summary>
    public void Ask()
    {
        if (!_deadline.IsScheduled)
            _loop.Schedule(_deadline, Math.Max(_loop.NowMs, _lastMs + IntervalMs));
    }

    private void Trim()
    {
        _lastMs = _loop.NowMs;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }
}
