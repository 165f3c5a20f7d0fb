using WireGuard.Protocol;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Disposes of what lanes may still be using: keys are wiped and descriptors closed once every lane has let go of all that it
/// could reach when they were retired (the idea of RCU). Control only.
/// </summary>
internal sealed class GracePeriod
{
    /// <summary>The most that <see cref="Wait"/> waits. A lane's turn takes milliseconds.</summary>
    private const int WaitMs = 1_000;

    private readonly Queue<(IDisposable Retired, long[] Seen)> _waiting = new();
    private readonly IReadOnlyList<LaneEpoch> _epochs;
    private long[]? _latest;

    public GracePeriod(IReadOnlyList<LaneEpoch> epochs) => _epochs = epochs;

    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>Takes an object that no lane can find any more, though one may still hold it.</summary>
    public void Retire(IDisposable retired)
    {
        // The store that hid it comes before the epochs are read: a lane whose epoch is even here cannot find it later.
        Interlocked.MemoryBarrier();
        Interleaving.Point();
        long[] seen = [.. _epochs.Select(epoch => epoch.Value)];
        // Consecutive retirements that saw the same epochs share the array.
        if (_latest is not null && seen.AsSpan().SequenceEqual(_latest))
            seen = _latest;
        _latest = seen;
        _waiting.Enqueue((retired, seen));
    }

    /// <summary>Disposes of what no lane can hold any more.</summary>
    public void Poll()
    {
        while (_waiting.TryPeek(out (IDisposable Retired, long[] Seen) oldest) && HavePassed(oldest.Seen))
        {
            _waiting.Dequeue();
            Interleaving.Point();
            oldest.Retired.Dispose();
        }
    }

    /// <summary>Waits until each lane has ended its turn, and disposes of all that was retired.</summary>
    public void Wait()
    {
        long untilMs = Sys.BootMs() + WaitMs;
        for (Poll(); !IsEmpty && Sys.BootMs() < untilMs; Poll())
            Thread.Yield();
    }

    private bool HavePassed(long[] seen)
    {
        for (int i = 0; i < seen.Length; i++)
        {
            if (!_epochs[i].HasPassed(seen[i]))
                return false;
        }

        return true;
    }
}

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
