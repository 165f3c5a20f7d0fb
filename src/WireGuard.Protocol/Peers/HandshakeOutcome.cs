namespace WireGuard.Protocol.Peers;

/// <summary>What has become of a handshake message (<see cref="WireGuardDevice{TPeer}.Receive"/>).</summary>
public enum HandshakeOutcome
{
    /// <summary>
    /// Nothing: it is no handshake message, its mac1 is wrong, nobody waits for it, or its source has had its share. Silence.
    /// </summary>
    Ignored,

    /// <summary>It has to prove where it comes from: the reply is a cookie, 64 bytes.</summary>
    CookieGiven,

    /// <summary>An initiation that is not made with our public key.</summary>
    InitiationNotForUs,

    /// <summary>An initiation in the name of nobody we know.</summary>
    InitiatorUnknown,

    /// <summary>An initiation in a peer's name that is not the peer's.</summary>
    InitiationNotAuthentic,

    /// <summary>A peer's initiation that is a replay, or of a clock that was set back.</summary>
    InitiationOld,

    /// <summary>A peer's initiation less than 20 ms after the one before.</summary>
    InitiationTooSoon,

    /// <summary>A peer's initiation that cannot be answered: its ephemeral key gives no secret.</summary>
    InitiationWorthless,

    /// <summary>
    /// A peer's initiation was accepted: the reply is the response, 92 bytes. The peer confirms the session by sending in it.
    /// </summary>
    Responded,

    /// <summary>A response that is not authentic.</summary>
    ResponseRejected,

    /// <summary>Our handshake is complete: something must be sent at once, a keepalive if there is nothing else.</summary>
    Completed,

    /// <summary>A peer under load gave us a cookie: the next initiation, when its time comes, carries it.</summary>
    CookieTaken,
}
