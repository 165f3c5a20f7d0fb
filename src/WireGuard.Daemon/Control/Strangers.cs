using WireGuard.Daemon.Transport;

namespace WireGuard.Daemon.Control;

/// <summary>
/// How many accepted connections may be open on which nobody has authenticated yet, in all and from one IP address or CID, and
/// for how long. Control only.
/// </summary>
internal sealed class Strangers
{
    public const int Max = 256;
    public const int MaxPerSource = 16;

    /// <summary>How long a connection may stay a stranger's.</summary>
    public const int PatienceMs = 10_000;

    private readonly Dictionary<EndpointAddress, int> _bySource = [];

    public int Count { get; private set; }

    /// <summary>How many were turned away.</summary>
    public long Refused { get; private set; }

    public bool TryAdmit(EndpointAddress from)
    {
        EndpointAddress source = from.WithPort(0);
        int ofSource = _bySource.GetValueOrDefault(source);
        if (Count >= Max || ofSource >= MaxPerSource)
        {
            Refused++;
            return false;
        }

        _bySource[source] = ofSource + 1;
        Count++;
        return true;
    }

    /// <summary>One of them has authenticated, or is closed.</summary>
    public void Forget(EndpointAddress from)
    {
        EndpointAddress source = from.WithPort(0);
        int ofSource = _bySource.GetValueOrDefault(source);
        if (ofSource > 1)
            _bySource[source] = ofSource - 1;
        else
            _bySource.Remove(source);
        Count--;
    }
}
