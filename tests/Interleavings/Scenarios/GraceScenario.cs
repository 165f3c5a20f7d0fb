using WireGuard.Protocol;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>Nothing is disposed of while a lane holds what it found, and all is once lanes have let go.</summary>
internal sealed class GraceScenario : Scenario
{
    private readonly LaneEpoch[] _epochs = [new(), new()];
    private readonly GracePeriod _grace;
    private Thing _current = new();
    private int _made;
    private int _disposed;

    public GraceScenario() => _grace = new GracePeriod(_epochs);

    public override string Name => "grace period: nothing is used after it";

    public override int Threads => 3;

    public override void Prepare(Random random) => (_current, _made, _disposed) = (new Thing(), 0, 0);

    public override void Run(int thread, Random random)
    {
        if (thread == 2)
            Control(random.Next(1, 40));
        else
            Lane(_epochs[thread], random.Next(1, 40), looks: random.Next(1, 7));
    }

    public override void Check()
    {
        _grace.Poll();
        Require(_grace.IsEmpty, "something waits though no lane runs");
        Require(_disposed == _made, $"{_made} were retired, {_disposed} disposed of");
    }

    private void Lane(LaneEpoch epoch, int turns, int looks)
    {
        for (int i = 0; i < turns; i++)
        {
            epoch.Enter();
            Thing thing = Volatile.Read(ref _current);
            for (int look = 0; look < looks; look++)
            {
                Require(!Volatile.Read(ref thing.IsDisposed), "a lane uses what was disposed of");
                Interleaving.Point();
            }

            epoch.Leave();
            Interleaving.Point();
        }
    }

    private void Control(int changes)
    {
        for (int i = 0; i < changes; i++)
        {
            Thing old = _current;
            old.Owner = this;
            Volatile.Write(ref _current, new Thing());
            _made++;
            _grace.Retire(old);
            _grace.Poll();
            Interleaving.Point();
        }
    }

    private sealed class Thing : IDisposable
    {
        public bool IsDisposed;

        public GraceScenario? Owner { get; set; }

        public void Dispose()
        {
            Volatile.Write(ref IsDisposed, true);
            Owner!._disposed++;
        }
    }
}
