using System.Diagnostics;

namespace WireGuard.Interleavings;

/// <summary>Runs the rounds of one scenario, on threads that last; the one that calls is the last of them.</summary>
internal sealed class Rounds : IDisposable
{
    /// <summary>A round takes microseconds; one that takes so long has lost a wake-up.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // How calm a round is, see Disturbance.Begin: they take turns.
    private static readonly int[] Calm = [256, 250, 224, 160, 64];

    private readonly Scenario _scenario;
    private readonly ulong _seed;
    private readonly Thread[] _others;
    private volatile Exception? _failure;
    private volatile bool _isStopping;
    private long _round;
    private int _ready;
    private int _running;

    public Rounds(Scenario scenario, ulong seed)
    {
        _scenario = scenario;
        _seed = seed;
        _others = new Thread[scenario.Threads - 1];
        for (int i = 0; i < _others.Length; i++)
        {
            int index = i;
            _others[i] = new Thread(() => Work(index)) { IsBackground = true };
            _others[i].Start();
        }
    }

    public long Count { get; private set; }

    /// <summary>Runs rounds until the time is over.</summary>
    /// <returns>What has failed, and in which round; null if nothing has.</returns>
    public string? RunFor(TimeSpan time)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < time)
        {
            try
            {
                RunOne();
                Count++;
            }
            catch (Exception e)
            {
                string what = e is BrokenException ? e.Message : e.ToString();
                return $"{what} (round {Count}, after {clock.Elapsed.TotalSeconds:0.00} s)";
            }
        }

        return null;
    }

    public void Dispose()
    {
        _isStopping = true;
        Interlocked.Increment(ref _round);
        bool haveEnded = true;
        foreach (Thread thread in _others)
            haveEnded &= thread.Join(1_000);
        // What a thread hangs in is left to it.
        if (haveEnded)
            (_scenario as IDisposable)?.Dispose();
    }

    private void RunOne()
    {
        _scenario.Prepare(new Random((int)Mix(0)));
        _failure = null;
        _ready = _running = _scenario.Threads;
        Interlocked.Increment(ref _round);
        RunAs(_others.Length);
        long start = Stopwatch.GetTimestamp();
        var wait = default(SpinWait);
        while (Volatile.Read(ref _running) > 0)
        {
            wait.SpinOnce(sleep1Threshold: -1);
            if (Stopwatch.GetElapsedTime(start) > Patience)
                throw _failure ?? new BrokenException("a thread did not end its round: a wake-up is lost");
        }

        if (_failure is { } failure)
            throw failure;
        _scenario.Check();
    }

    private void Work(int index)
    {
        long round = 0;
        while (true)
        {
            long next;
            var wait = default(SpinWait);
            while ((next = Volatile.Read(ref _round)) == round)
                wait.SpinOnce(sleep1Threshold: -1);
            round = next;
            if (_isStopping)
                return;
            RunAs(index);
        }
    }

    private void RunAs(int index)
    {
        try
        {
            ulong seed = Mix((ulong)index + 1);
            var random = new Random((int)seed);
            // They set off together, if the machine lets them, and then a little apart, any of them first.
            Interlocked.Decrement(ref _ready);
            for (int i = 0; i < 300 && Volatile.Read(ref _ready) > 0; i++)
            {
                if (i < 100)
                    Thread.SpinWait(1);
                else
                    Thread.Yield();
            }

            Thread.SpinWait((int)(seed >> 32) & 0x3f);
            Disturbance.Begin(index, seed, Calm[(int)(Count % Calm.Length)]);
            for (int i = (int)(seed >> 40) & 3; i > 0; i--)
                Disturbance.Pass();
            _scenario.Run(index, random);
        }
        catch (Exception e)
        {
            _failure ??= e; // the first: others follow from it
        }

        Disturbance.End();
        Interlocked.Decrement(ref _running);
    }

    /// <summary>A number that depends on the seed, the round and what is given (SplitMix64).</summary>
    private ulong Mix(ulong what)
    {
        ulong z = _seed + ((ulong)Count * 0x9E3779B97F4A7C15) + (what * 0xD1B54A32D192ED03);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
