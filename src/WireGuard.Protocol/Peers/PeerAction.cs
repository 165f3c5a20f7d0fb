namespace WireGuard.Protocol.Peers;

/// <summary>What the owner of a peer has to do, or to know (<see cref="WireGuardPeer.Poll"/>).</summary>
public enum PeerAction
{
    None,

    /// <summary>
    /// Send the packets that wait for a session: the handshake that the peer began is complete.
    /// </summary>
    SessionConfirmed,

    /// <summary>Send an initiation, as a retry: the peer was connected a moment ago, and now one may be sent.</summary>
    Initiate,

    /// <summary>Begin a handshake: what we sent was not answered for 15 s.</summary>
    BeginHandshake,

    /// <summary>Send another initiation, as a retry: the last one was not answered.</summary>
    RetryHandshake,

    /// <summary>Drop the packets that wait for a session: the handshake was given up.</summary>
    AbandonHandshake,

    /// <summary>Drop the packets that wait for a session: no handshake could begin for 90 s.</summary>
    DropStaged,

    /// <summary>Send the packets that wait, or else a keepalive; begin a handshake if there is no session.</summary>
    SendKeepalive,

    /// <summary>Nothing: all keys were wiped, as no session was made for 540 s.</summary>
    KeysWiped,
}
