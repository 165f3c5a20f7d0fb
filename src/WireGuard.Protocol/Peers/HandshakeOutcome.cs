namespace WireGuard.Protocol.Peers;

/// <summary>What has become of a handshake message (<see cref="WireGuardDevice{TPeer}.Receive"/>).</summary>
public enum HandshakeOutcome
{
    /// <summary>
    /// No handshake message, a wrong mac1, an answer to nothing of ours, or too many from its source under load.
    /// </summary>
    Ignored,

    /// <summary>Under load, without proof of its source: the reply is a cookie reply, 64 bytes.</summary>
    CookieGiven,

    /// <summary>An initiation that was not made with our public key.</summary>
    InitiationNotForUs,

    /// <summary>An initiation from a public key that is no peer's.</summary>
    InitiatorUnknown,

    /// <summary>An initiation that names a peer, but was not made by it.</summary>
    InitiationNotAuthentic,

    /// <summary>A peer's initiation with an old timestamp: a replay, or its clock was set back.</summary>
    InitiationOld,

    /// <summary>A peer's initiation less than 20 ms after the one before.</summary>
    InitiationTooSoon,

    /// <summary>A peer's initiation that cannot be answered: its ephemeral key is a low-order point.</summary>
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
