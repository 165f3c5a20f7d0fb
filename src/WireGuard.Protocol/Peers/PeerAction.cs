namespace WireGuard.Protocol.Peers;

/// <summary>What a session asks its owner to do.</summary>
public enum PeerAction
{
    None,

    /// <summary>Send an initiation: a connection to the peer was made a moment ago, and by now one may be sent.</summary>
    Initiate,

    /// <summary>Begin a handshake: what we sent was not answered for too long.</summary>
    BeginHandshake,

    /// <summary>Send another initiation: the last one was not answered.</summary>
    RetryHandshake,

    /// <summary>Give the handshake up and drop what is staged for the peer.</summary>
    AbandonHandshake,

    /// <summary>Drop what is staged for the peer: there has been no way to begin a handshake for too long.</summary>
    DropStaged,

    /// <summary>Send a keepalive, or what is staged; begin a handshake if there is no session to send it in.</summary>
    SendKeepalive,

    /// <summary>Forget every key: nothing has renewed the session for a long time.</summary>
    WipeKeys,
}
