namespace WireGuard.Protocol.Tests;

/// <summary>What a piece of code allocates once it is warm.</summary>
internal static class Allocations
{
    public static long Of(Action action)
    {
        action(); // statics, and what the just-in-time compiler itself allocates
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
