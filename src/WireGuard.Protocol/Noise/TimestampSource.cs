namespace WireGuard.Protocol.Noise;

/// <summary>
/// Timestamps for this process's initiations, each after the one before: max(last + 1, now). A responder refuses a
/// timestamp that is not after the last it saw, so two initiations in one grain, or a clock set back, would otherwise lock
/// us out. Owned by one thread.
/// </summary>
internal sealed class TimestampSource
{
    private Tai64n _last;

    /// <summary>The next timestamp.</summary>
    /// <param name="realTime">Of the real-time clock.</param>
    public Tai64n Next(DateTimeOffset realTime)
    {
        var now = Tai64n.FromRealTime(realTime);
        _last = now.IsAfter(_last) ? now : _last.Next();
        return _last;
    }
}
