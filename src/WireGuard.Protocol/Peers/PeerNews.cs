namespace WireGuard.Protocol.Peers;

/// <summary>
/// What a transport message that was sent or opened leaves for the thread that owns the peer. Whoever sealed or opened it has
/// that thread do what each flag says, soon; a flag that is told twice does no harm.
/// </summary>
[Flags]
public enum PeerNews
{
    None = 0,

    /// <summary>A timer has started: ask <see cref="WireGuardPeer.NextDeadline"/> anew.</summary>
    TimerStarted = 1,

    /// <summary>The session is to be renewed, or there is none: begin a handshake, which is no retry.</summary>
    HandshakeWanted = 2,

    /// <summary>A first message came in under a session that we answered for: call <see cref="WireGuardPeer.Poll"/>.</summary>
    SessionConfirmed = 4,

    /// <summary>The peer has said HELLO, which over streams is to be answered.</summary>
    HelloSaid = 8,
}
