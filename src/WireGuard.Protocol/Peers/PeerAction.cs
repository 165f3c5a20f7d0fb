namespace WireGuard.Protocol.Peers;

/// <summary>What a peer asks its owner to do (<see cref="WireGuardPeer.Poll"/>), or tells it of.</summary>
public enum PeerAction
{
    None,

    /// <summary>
    /// Send what waits for a session: the peer has confirmed the one that we answered for, and the handshake is complete.
    /// </summary>
    SessionConfirmed,

    /// <summary>Send an initiation, as a retry: the peer was connected a moment ago, and now one may be sent.</summary>
    Initiate,

    /// <summary>Begin a handshake: what we sent was not answered for too long.</summary>
    BeginHandshake,

    /// <summary>Send another initiation, as a retry: the last one was not answered.</summary>
    RetryHandshake,

    /// <summary>Drop what waits for a session: the handshake was given up.</summary>
    AbandonHandshake,

    /// <summary>Drop what waits for a session: there has been no path to begin a handshake on for too long.</summary>
    DropStaged,

    /// <summary>Send a keepalive, or what waits; begin a handshake if there is no session to send it in.</summary>
    SendKeepalive,

    /// <summary>Nothing: every key was wiped, as nothing has renewed the session for a long time.</summary>
    KeysWiped,
}
