namespace WireGuard.Interleavings;

/// <summary>
/// What a thread does at each point: mostly nothing; else it spins, lets others run, sleeps, or waits until others have passed
/// some points, so that they come in between. It chooses by a generator of its own, seeded for each round: so a seed repeats what
/// the threads choose, if not what the machine does.
/// </summary>
internal static class Disturbance
{
    private const int MaxThreads = 8;
    private const int Line = 16; // words of two cache lines, so that to count is no fence
    private const int MostYields = 64;

    // How many points each thread has passed; each element is its thread's.
    private static readonly long[] Passed = new long[MaxThreads * Line];

    [ThreadStatic]
    private static ulong t_state; // 0: none

    [ThreadStatic]
    private static int t_calm;

    [ThreadStatic]
    private static int t_thread;

    /// <summary>Begins a round on this thread.</summary>
    /// <param name="thread">From 0.</param>
    /// <param name="seed">Any.</param>
    /// <param name="calm">
    /// Of 256 points, how many are passed at once. Among few disturbances a thread is long at one place while others go on;
    /// without any, threads are as close as processors let them be, which shows missing fences.
    /// </param>
    public static void Begin(int thread, ulong seed, int calm) => (t_thread, t_state, t_calm) = (thread, seed | 1, calm);

    public static void End() => t_state = 0;

    public static void Pass()
    {
        ulong x = t_state;
        if (x == 0)
            return;
        // xorshift64
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        t_state = x;
        Passed[t_thread * Line]++;
        if ((int)(x >> 56) < t_calm)
            return;
        int kind = (int)(x >> 48) & 0xff, amount = (int)(x >> 40) & 0xff;
        if (kind < 96)
            Thread.SpinWait(amount & 0x7f);
        else if (kind < 128)
            Thread.Yield();
        else if (kind < 254)
            AwaitOthers(1 + (amount & 0xf));
        else
            Thread.Sleep(kind & 1);
    }

    /// <summary>
    /// Waits until other threads have passed so many points, though not for ever: they may be waiting for this one.
    /// </summary>
    private static void AwaitOthers(int points)
    {
        long until = OfOthers() + points;
        for (int i = 0; i < MostYields && OfOthers() < until; i++)
            Thread.Yield();
    }

    private static long OfOthers()
    {
        long sum = 0;
        for (int i = 0; i < MaxThreads; i++)
            sum += i == t_thread ? 0 : Volatile.Read(ref Passed[i * Line]);
        return sum;
    }
}
