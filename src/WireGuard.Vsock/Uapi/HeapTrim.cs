using WireGuard.Vsock.Events;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Returns memory to the system after a request that took much of it. The collector alone would keep it until there is something
/// new to collect, which may be never in a daemon whose packets allocate nothing. Control only.
/// </summary>
internal sealed class HeapTrim
{
    /// <summary>A collection stops the lanes for milliseconds, so it does not run more often than this.</summary>
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

    /// <summary>Asks for a collection at the end of this turn, when the caller no longer refers to the memory.</summary>
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
