namespace WireGuard.Vsock.Transport;

/// <summary>
/// How much a connection's socket has taken in the last <see cref="WindowMs"/>, which is how much may be queued for it: so a fast
/// path survives a short stall of the far end, and a slow path has little delay. Guarded by the connection's lock.
/// </summary>
internal struct RecentlyTaken
{
    /// <summary>How long a frame waits at most where more than <see cref="SendQueue.Limit"/> is queued.</summary>
    public const int WindowMs = 100;

    private long _sinceMs;
    private int _now;
    private int _before;

    /// <summary>The socket has taken so many bytes.</summary>
    public void Add(int bytes, long nowMs)
    {
        long elapsed = nowMs - _sinceMs;
        if (elapsed >= WindowMs)
        {
            _before = elapsed < 2 * WindowMs ? _now : 0;
            _now = 0;
            _sinceMs = nowMs;
        }

        // Counted no further than the largest limit.
        _now = (int)Math.Min((long)_now + bytes, SendQueue.LargestLimit);
    }

    /// <summary>How much may be queued now.</summary>
    public readonly int Limit(long nowMs)
    {
        long elapsed = nowMs - _sinceMs;
        int taken = elapsed < WindowMs ? Math.Max(_now, _before) : elapsed < 2 * WindowMs ? _now : 0;
        return Math.Max(taken, SendQueue.Limit);
    }
}
