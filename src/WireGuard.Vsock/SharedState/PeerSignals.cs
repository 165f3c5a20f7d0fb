namespace WireGuard.Vsock.SharedState;

/// <summary>What the lanes tell control of a peer.</summary>
[Flags]
internal enum PeerSignals
{
    None = 0,

    /// <summary>A packet waits for a session, or for a way to the peer.</summary>
    HasStaged = 1,

    /// <summary>Its session is to be renewed.</summary>
    WantsHandshake = 2,

    /// <summary>A first message came in under a keypair that is not confirmed yet.</summary>
    Confirmed = 4,

    /// <summary>One of the timers that traffic starts has started.</summary>
    TimerStarted = 8,

    /// <summary>An authentic datagram came from elsewhere than where we send.</summary>
    Roamed = 16,

    /// <summary>It has said HELLO: it is of our kind, and may be given more connections.</summary>
    SaidHello = 32,

    /// <summary>What is sent to it comes back into the interface.</summary>
    Loops = 64,
}
