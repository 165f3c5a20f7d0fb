namespace WireGuard.Protocol.Peers;

/// <summary>
/// What the thread that owns the peer has to do after a transport message was sealed or opened, on whatever thread. Passing a
/// flag on twice does no harm.
/// </summary>
[Flags]
public enum PeerNews
{
    None = 0,

    /// <summary>A timer has started: ask <see cref="WireGuardPeer.NextDeadline"/> anew.</summary>
    TimerStarted = 1,

    /// <summary>
    /// There is no session, or it must be renewed: call <see cref="WireGuardDevice{TPeer}.TryBegin"/>, not as a retry.
    /// </summary>
    HandshakeWanted = 2,

    /// <summary>The first message came in under a session that the peer began: call <see cref="WireGuardPeer.Poll"/>.</summary>
    SessionConfirmed = 4,

    /// <summary>The peer has said HELLO. Between daemons over streams only.</summary>
    HelloSaid = 8,
}
