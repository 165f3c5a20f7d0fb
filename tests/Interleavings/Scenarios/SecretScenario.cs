using WireGuard.Protocol;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>No two secrets share a byte; each begins as zeros; one that two threads dispose of is given back once.</summary>
internal sealed class SecretScenario : Scenario, IDisposable
{
    private readonly List<Secret> _kept = [];
    private Secret _shared = new();
    private int _turns;
    private long _before; // what scenarios before have left to the collector

    public override string Name => "secret memory: a place is one owner's";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        if (_turns == 0)
            _before = SecretMemory.Size;
        _shared = new Secret(64);
        // So that arenas come and go.
        if (++_turns % 2 == 1)
        {
            for (int i = 0; i < 600; i++) // more than an arena
                _kept.Add(new Secret(64));
        }
        else
        {
            _kept.ForEach(secret => secret.Dispose());
            _kept.Clear();
        }
    }

    public override void Run(int thread, Random random)
    {
        var held = new Queue<Secret>();
        byte mark = (byte)(thread + 1);
        for (int i = 0; i < 24; i++)
        {
            var secret = new Secret(random.Next(1, 5) * 32);
            Require(secret.Bytes.IndexOfAnyExcept((byte)0) < 0, "a new secret is not zeros");
            secret.Bytes.Fill(mark);
            held.Enqueue(secret);
            Interleaving.Point();
            if (i == 12)
                _shared.Dispose();
            if (held.Count > 4)
                Give(held.Dequeue(), mark);
        }

        while (held.TryDequeue(out Secret? secret))
            Give(secret, mark);
    }

    public override void Check() =>
        Require(SecretMemory.Size - _before < 1024 * 1024, $"it has grown from {_before} to {SecretMemory.Size} bytes");

    public void Dispose() => _kept.ForEach(secret => secret.Dispose());

    private static void Give(Secret secret, byte mark)
    {
        Require(secret.Bytes.IndexOfAnyExcept(mark) < 0, "two secrets share a place");
        secret.Dispose();
    }
}
