namespace WireGuard.Interleavings;

/// <summary>
/// One shared structure, and what threads do with it at the same time. A round is: <see cref="Prepare"/>, then
/// <see cref="Run"/> on each thread, then <see cref="Check"/>.
/// </summary>
internal abstract class Scenario
{
    public abstract string Name { get; }

    /// <summary>How many run at the same time.</summary>
    public abstract int Threads { get; }

    /// <summary>Makes what the round needs. On the main thread, when no other runs.</summary>
    public abstract void Prepare(Random random);

    /// <summary>What a thread does.</summary>
    /// <param name="thread">From 0.</param>
    /// <param name="random">The thread's own.</param>
    public abstract void Run(int thread, Random random);

    /// <summary>What must hold when all have ended.</summary>
    public abstract void Check();

    /// <exception cref="BrokenException">It does not hold.</exception>
    public static void Require(bool holds, string what)
    {
        if (!holds)
            throw new BrokenException(what);
    }
}

/// <summary>An invariant does not hold.</summary>
internal sealed class BrokenException(string what) : Exception(what);
