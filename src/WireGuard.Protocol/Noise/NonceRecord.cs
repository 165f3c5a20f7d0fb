using System.Diagnostics;
using System.IO.Hashing;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// Every counter that a transport key has sealed with, in builds for tests (<c>make doors</c>): a process that is about to use
/// one twice ends. Of each key it keeps the newest counter, and the gaps below it, which are counters that another thread has
/// taken and not noted yet: so it is exact, and small. A key that nothing was sealed with for twice REJECT_AFTER_TIME is
/// forgotten. Any thread.
/// </summary>
internal sealed class NonceRecord
{
    private const long ForgottenAfterMs = 2 * Limits.RejectAfterTimeMs;

    private static readonly NonceRecord OfProcess = new();
    private static readonly long Seed = NewSeed();

    private readonly Lock _gate = new();
    private readonly Dictionary<UInt128, Counters> _keys = []; // guarded by the lock
    private long _sweptMs; // guarded by the lock

    /// <summary>A message is about to be sealed. The ordinary build does not call it.</summary>
    /// <param name="key">As <see cref="NameOf"/> names it.</param>
    [Conditional("DOORS")]
    internal static void Note(UInt128 key, ulong counter, long nowMs)
    {
        if (!OfProcess.TryNote(key, counter, nowMs))
            Environment.FailFast($"NONCE REPEATED: a transport key was about to seal counter {counter} a second time");
    }

    /// <summary>
    /// What a key is known by, which is no copy of it. By its bytes: two keypairs with one key are a repeat, too. Taken when the
    /// keypair is made: at a call the key may be zeros, if it is wiped meanwhile.
    /// </summary>
    internal static UInt128 NameOf(ReadOnlySpan<byte> key) => XxHash128.HashToUInt128(key, Seed);

    /// <returns>False when the key has had that counter before.</returns>
    internal bool TryNote(UInt128 key, ulong counter, long nowMs)
    {
        lock (_gate)
        {
            if (nowMs - _sweptMs > Limits.RejectAfterTimeMs)
                Sweep(nowMs);
            if (!_keys.TryGetValue(key, out Counters? counters))
                _keys.Add(key, counters = new Counters());
            counters.UsedMs = nowMs;
            return counters.TryAdd(counter);
        }
    }

    /// <summary>How many keys are remembered.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
                return _keys.Count;
        }
    }

    private static long NewSeed()
    {
        Span<byte> seed = stackalloc byte[sizeof(long)];
        SecureRandom.Fill(seed);
        return BitConverter.ToInt64(seed);
    }

    private void Sweep(long nowMs)
    {
        _sweptMs = nowMs;
        foreach ((UInt128 key, Counters counters) in _keys)
        {
            if (nowMs - counters.UsedMs > ForgottenAfterMs)
                _keys.Remove(key);
        }
    }

    private sealed class Counters
    {
        // From and including, to and excluding; ascending. As many as there are threads, as a rule.
        private readonly List<(ulong From, ulong To)> _gaps = [];
        private ulong _next;

        public long UsedMs { get; set; }

        public bool TryAdd(ulong counter)
        {
            if (counter < _next)
                return TryFill(counter);
            if (counter > _next)
                _gaps.Add((_next, counter));
            _next = counter + 1;
            return true;
        }

        private bool TryFill(ulong counter)
        {
            int i = _gaps.FindIndex(gap => gap.From <= counter && counter < gap.To);
            if (i < 0)
                return false;
            (ulong from, ulong to) = _gaps[i];
            _gaps.RemoveAt(i);
            if (counter + 1 < to)
                _gaps.Insert(i, (counter + 1, to));
            if (from < counter)
                _gaps.Insert(i, (from, counter));
            return true;
        }
    }
}
