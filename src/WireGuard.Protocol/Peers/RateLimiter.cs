namespace WireGuard.Protocol.Peers;

/// <summary>
/// How many handshake messages a second are worked on for one source while the device is under load (section 5.3): a token bucket
/// for each source, 20 a second with a burst of 5, in a table of bounded size. A source is any 128 bits: an IPv4 address, an
/// IPv6 /64, a VSOCK CID. Any thread may take.
/// </summary>
internal sealed class RateLimiter
{
    private const int PerSecond = 20;
    private const int Burst = 5;
    private const long CostMs = 1000 / PerSecond;
    private const long CapacityMs = CostMs * Burst;
    private const long IdleMs = 1000;

    /// <summary>Enough for the cookies' honest owners; past it, new sources are refused until idle ones are forgotten.</summary>
    public const int MaxSources = 8192;

    private readonly Lock _gate = new();
    private readonly Dictionary<UInt128, Bucket> _buckets = []; // guarded by the lock, as the next one is
    private long _sweptMs;

    /// <summary>How many sources are remembered.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _buckets.Count;
        }
    }

    /// <summary>Takes one token of the source's bucket.</summary>
    public bool TryTake(UInt128 source, long nowMs)
    {
        lock (_gate)
            return TryTakeLocked(source, nowMs);
    }

    private bool TryTakeLocked(UInt128 source, long nowMs)
    {
        if (nowMs - _sweptMs >= IdleMs)
            ForgetIdle(nowMs);
        if (!_buckets.TryGetValue(source, out Bucket bucket))
        {
            if (_buckets.Count >= MaxSources)
                return false;
            _buckets[source] = new Bucket(CapacityMs - CostMs, nowMs);
            return true;
        }

        long tokens = Math.Min(CapacityMs, bucket.TokensMs + (nowMs - bucket.AtMs));
        bool allowed = tokens >= CostMs;
        _buckets[source] = new Bucket(allowed ? tokens - CostMs : tokens, nowMs);
        return allowed;
    }

    private void ForgetIdle(long nowMs)
    {
        _sweptMs = nowMs;
        foreach ((UInt128 source, Bucket bucket) in _buckets)
        {
            if (nowMs - bucket.AtMs > IdleMs)
                _buckets.Remove(source);
        }
    }

    private readonly record struct Bucket(long TokensMs, long AtMs);
}
