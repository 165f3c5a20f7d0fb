using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// How long the machine has been suspended since boot: boot time minus monotonic time.
/// </summary>
internal static class SleepClock
{
    /// <summary>The two clocks are read one after the other, and the thread may be preempted in between.</summary>
    private const long ToleranceMs = 1000;

    public static long SleptMs() => Sys.BootMs() - Sys.MonotonicMs();

    /// <summary>Whether that has grown since it was last noted.</summary>
    /// <param name="notedMs">What was noted then.</param>
    /// <param name="bootMs">Boot time, just read.</param>
    public static bool HasSlept(long notedMs, long bootMs) => bootMs - Sys.MonotonicMs() - notedMs > ToleranceMs;
}
