using WireGuard.Protocol.Peers;

namespace WireGuard.Vsock.SharedState;

/// <summary>What the lanes tell control of a peer: the protocol's <see cref="PeerNews"/>, and what is the daemon's.</summary>
[Flags]
internal enum PeerSignals
{
    None = 0,

    /// <summary>One of the timers that traffic starts has started.</summary>
    TimerStarted = PeerNews.TimerStarted,

    /// <summary>Its session is to be renewed.</summary>
    WantsHandshake = PeerNews.HandshakeWanted,

    /// <summary>A first message came in under a keypair that is not confirmed yet.</summary>
    Confirmed = PeerNews.SessionConfirmed,

    /// <summary>It has said HELLO, and may be given more connections.</summary>
    SaidHello = PeerNews.HelloSaid,

    /// <summary>A packet waits for a session, or for a path to the peer.</summary>
    HasStaged = 1 << 8,

    /// <summary>An authentic datagram came from elsewhere than where we send.</summary>
    Roamed = 1 << 9,

    /// <summary>What is sent to it comes back into the interface.</summary>
    Loops = 1 << 10,
}
