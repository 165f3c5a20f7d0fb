using WireGuard.Protocol.Peers;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>
/// A timer that a lane has started is watched: either the owner has not stopped watching, or the lane was told to wake it, once.
/// A round takes many, one behind the other: so threads meet in the midst of a step.
/// </summary>
internal sealed class ActivityScenario : Scenario
{
    private const int Peers = 48;

    private readonly Activity[] _activities = new Activity[Peers];
    private readonly bool[][] _mustTell = [new bool[Peers], new bool[Peers]];
    private readonly bool[] _hasStopped = new bool[Peers];

    public override string Name => "activity marks: no timer is lost";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        for (int i = 0; i < Peers; i++)
        {
            _activities[i] = new Activity();
            _activities[i].Watch();
        }
    }

    public override void Run(int thread, Random random)
    {
        for (int i = 0; i < Peers; i++)
        {
            if (thread == 2)
                _hasStopped[i] = _activities[i].TryStopWatching();
            else
                _mustTell[thread][i] = thread == 0 ? _activities[i].DataSent(7) : _activities[i].DataReceived(7);
        }
    }

    public override void Check()
    {
        for (int i = 0; i < Peers; i++)
        {
            bool isTold = _mustTell[0][i] || _mustTell[1][i];
            // What one lane starts the other may have stopped: it is an answer to it.
            bool runs = _activities[i].SentUnansweredSince != 0 || _activities[i].ReceivedUnansweredSince != 0;
            Require(!runs || !_hasStopped[i] || isTold, "a timer runs, the owner sleeps, and was not told");
            Require(!(_mustTell[0][i] && _mustTell[1][i]), "two lanes were told to wake the owner");
        }
    }
}
