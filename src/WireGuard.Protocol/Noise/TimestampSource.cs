namespace WireGuard.Protocol.Noise;

/// <summary>
/// Timestamps for this process's initiations, each after the one before: max(last + 1, now). A responder refuses a
/// timestamp that is not after the last it saw, so two initiations in one grain, or a clock set back, would otherwise lock
/// us out. Owned by one thread.
/// </summary>
public sealed class TimestampSource
{
    private Tai64n _last;

    /// <summary>The next timestamp.</summary>
    /// <param name="unixSeconds">The real-time clock's seconds.</param>
    /// <param name="nanoseconds">Its nanoseconds, less than a second.</param>
    public Tai64n Next(long unixSeconds, uint nanoseconds)
    {
        var now = Tai64n.FromUnixTime(unixSeconds, nanoseconds);
        _last = now.IsAfter(_last) ? now : _last.Next();
        return _last;
    }
}
