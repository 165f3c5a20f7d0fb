namespace WireGuard.Vsock.SharedState;

/// <summary>
/// What is known of an open connection, as the state machine of its peer reads it: what it is, and what lanes note of it
/// meanwhile.
/// </summary>
internal interface IConnectionView
{
    /// <summary>Never used twice.</summary>
    ulong Id { get; }

    /// <summary>Whether we dialled it, rather than accepted.</summary>
    bool IsDialed { get; }

    /// <summary>When it came about, in ms of boot time.</summary>
    long SinceMs { get; }

    /// <summary>The lane that owns it, by its index.</summary>
    int Lane { get; }

    /// <summary>Whether it has ended or broken, though control may not have been told yet.</summary>
    bool IsFailed { get; }

    /// <summary>Whether it is one more beside the peer's others, and takes the place of none.</summary>
    bool IsJoined { get; }

    /// <summary>Whether the socket has not taken all that it was given.</summary>
    bool IsCongested { get; }

    /// <summary>When an authentic message last came in on it, in ms of boot time.</summary>
    long HeardMs { get; }

    /// <summary>Since when all that was sent on it has not been answered by anything that came in on it; 0 if it has.</summary>
    long UnansweredSinceMs { get; }

    /// <summary>Since when nothing has moved on it, while it is congested.</summary>
    long StillSinceMs { get; }
}
