using System.Runtime.CompilerServices;

namespace WireGuard.Vsock.Sandbox;

/// <summary>The runtime's thread for finalizers, which is there before Main: it does what an object's finalizer does.</summary>
internal static class FinalizerThread
{
    private const int PatienceMs = 5_000;

    /// <summary>Does something on it, and waits.</summary>
    /// <param name="work">Must not throw.</param>
    /// <returns>False if it has not done so in time.</returns>
    public static bool TryDo(Action work)
    {
        using ManualResetEventSlim isDone = new();
        Leave(() =>
        {
            work();
            isDone.Set();
        });
        GC.Collect();
        return isDone.Wait(PatienceMs);
    }

    /// <summary>In a method of its own: no register of the caller refers to the object.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Leave(Action work) => _ = new Left(work);

    private sealed class Left(Action work)
    {
        ~Left() => work();
    }
}
