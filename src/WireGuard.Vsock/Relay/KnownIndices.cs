using System.Collections.Concurrent;
using WireGuard.Protocol.Noise;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Which enclave gave out which receiver index, for near ends that have not learned it themselves: those of a peer that has
/// roamed. An index is 32 random bits that travel in the clear, so any sender on the path may use one, and few can guess one. So
/// each index makes few new near ends (<see cref="PerSecond"/>), each enclave has its share of the table, and entries age. The
/// table grows by what enclaves send alone. Any thread may use it; misses take no lock.
/// </summary>
internal sealed class KnownIndices
{
    /// <summary>In all; divided among the enclaves.</summary>
    public const int MaxCount = 65_536;

    /// <summary>The least share of an enclave.</summary>
    public const int LeastShare = 256;

    /// <summary>A keypair's life, and the time of a handshake.</summary>
    public const long AgeMs = Limits.RejectAfterTimeMs + (2 * Limits.RekeyTimeoutMs);

    /// <summary>How many near ends may adopt an index.</summary>
    public const int PerSecond = 5;

    public const int Burst = 5;

    private const long CostMs = 1000 / PerSecond;

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<uint, Entry> _entries = new();
    private readonly Queue<Heard>[] _ofTarget; // guarded by the lock
    private readonly int _share;

    public KnownIndices(int targets)
    {
        _ofTarget = new Queue<Heard>[targets];
        for (int target = 0; target < targets; target++)
            _ofTarget[target] = new Queue<Heard>();
        _share = Math.Max(LeastShare, MaxCount / Math.Max(1, targets));
    }

    public int Count => _entries.Count;

    /// <summary>An enclave has sent it.</summary>
    public void Learn(uint index, int target, long nowMs)
    {
        lock (_gate)
        {
            Queue<Heard> queue = _ofTarget[target];
            while (queue.Count >= _share || (queue.TryPeek(out Heard? oldest) && nowMs - oldest.AtMs >= AgeMs))
                Forget(queue.Dequeue(), target);
            Entry entry = _entries.GetOrAdd(index, static _ => new Entry());
            entry.Learn(target, nowMs);
            queue.Enqueue(new Heard(index, nowMs));
        }
    }

    /// <summary>What another table knows of a target, which has this place here.</summary>
    public void TakeOver(KnownIndices other, int theirs, int target)
    {
        Heard[] heard;
        lock (other._gate)
            heard = [.. other._ofTarget[theirs]];
        foreach (Heard one in heard)
            Learn(one.Index, target, one.AtMs);
    }

    /// <summary>For which enclaves a new near end may bring it.</summary>
    /// <param name="isLimited">Whether too many near ends have brought it of late, so that this one is refused.</param>
    public bool TryAdopt(uint index, long nowMs, out RouteTargets targets, out bool isLimited)
    {
        targets = RouteTargets.None;
        isLimited = false;
        if (!_entries.TryGetValue(index, out Entry? entry))
            return false;
        lock (_gate)
        {
            targets = entry.Targets(nowMs);
            isLimited = !targets.IsNone && !entry.TryTake(nowMs);
        }

        return !targets.IsNone && !isLimited;
    }

    private void Forget(Heard old, int target)
    {
        if (_entries.TryGetValue(old.Index, out Entry? entry) && entry.Forget(target, old.AtMs))
            _entries.TryRemove(old.Index, out _);
    }

    private sealed record Heard(uint Index, long AtMs);

    /// <summary>At most two enclaves: of three that chose one index the one that was heard of first is forgotten.</summary>
    private sealed class Entry
    {
        // Guarded by the table's lock.
        private (int Target, long AtMs) _newer = (-1, 0);
        private (int Target, long AtMs) _older = (-1, 0);
        private long _tokensMs = CostMs * Burst;
        private long _takenMs;

        public void Learn(int target, long nowMs)
        {
            if (_newer.Target != target)
                _older = _newer;
            _newer = (target, nowMs);
        }

        public RouteTargets Targets(long nowMs)
        {
            RouteTargets targets = RouteTargets.None;
            if (_older.Target >= 0 && nowMs - _older.AtMs < AgeMs)
                targets = targets.With(_older.Target);
            if (_newer.Target >= 0 && nowMs - _newer.AtMs < AgeMs)
                targets = targets.With(_newer.Target);
            return targets;
        }

        public bool TryTake(long nowMs)
        {
            long tokens = Math.Min(CostMs * Burst, _tokensMs + (nowMs - _takenMs));
            bool isAllowed = tokens >= CostMs;
            (_tokensMs, _takenMs) = (isAllowed ? tokens - CostMs : tokens, nowMs);
            return isAllowed;
        }

        /// <summary>What was learned then, unless it was learned again since. Gives whether nothing is left.</summary>
        public bool Forget(int target, long atMs)
        {
            if (_older == (target, atMs))
                _older = (-1, 0);
            if (_newer == (target, atMs))
                (_newer, _older) = (_older, (-1, 0));
            return _newer.Target < 0 && _older.Target < 0;
        }
    }
}
