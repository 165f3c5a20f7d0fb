namespace WireGuard.Protocol.Tests;

/// <summary>What a piece of code allocates once it is warm.</summary>
internal static class Allocations
{
    private const int Tries = 5;

    /// <summary>
    /// The least of several tries. A collection that another test's thread causes meanwhile takes away the rest of this thread's
    /// allocation context, some kilobytes, and they count as allocated; what the code itself allocates it allocates each time.
    /// </summary>
    public static long Of(Action action)
    {
        action(); // statics, and what the just-in-time compiler itself allocates
        long least = long.MaxValue;
        for (int i = 0; i < Tries && least != 0; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
