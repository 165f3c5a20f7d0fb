using WireGuard.Protocol.Peers;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// How a connection stands among those of its peer: what PeerStreams keeps of it. Control only.
/// </summary>
internal sealed class StreamStanding
{
    /// <param name="joined">What it joined; itself if it did not join.</param>
    /// <param name="number">When it became its peer's, counted.</param>
    public StreamStanding(StreamConnection joined, long number)
    {
        Base = joined;
        Number = number;
    }

    /// <summary>
    /// The connection that it joined, which may have ended since; itself if it did not join. What has the same one is used
    /// together.
    /// </summary>
    public StreamConnection Base { get; set; }

    /// <summary>When it became its peer's, counted.</summary>
    public long Number { get; }

    /// <summary>When it is closed unless it is used by then; <see cref="PeerTimers.Never"/> while it is used.</summary>
    public long KeptUntilMs { get; set; } = PeerTimers.Never;

    /// <summary>Whether it was superseded before: the newest counter alone decides from then on.</summary>
    public bool WasSuperseded { get; set; }

    /// <summary>Before this time it does not win back what it was superseded in.</summary>
    public long WinsBackFromMs { get; set; }

    /// <summary>When an answer on it was asked for that has not come; 0 if none was.</summary>
    public long AskedMs { get; set; }

    /// <summary>Whether it is not used because that answer did not come in time.</summary>
    public bool IsSilent { get; set; }
}
