using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Peers;

/// <summary>What has become of a handshake message, whose it is, and what is to be sent back.</summary>
public readonly ref struct HandshakeResult<TPeer>
    where TPeer : WireGuardPeer
{
    /// <summary>What has become of it.</summary>
    public HandshakeOutcome Outcome { get; internal init; }

    /// <summary>
    /// The peer that sent it, or that it names (<see cref="HandshakeOutcome.InitiationNotAuthentic"/>); null if there is none.
    /// </summary>
    public TPeer? Peer { get; internal init; }

    /// <summary>What to send back to where it came from, in the caller's buffer; empty for silence.</summary>
    public Span<byte> Reply { get; internal init; }

    /// <summary>Of <see cref="HandshakeOutcome.InitiatorUnknown"/>: the key that it names.</summary>
    public PublicKey Initiator { get; internal init; }

    /// <summary>Of <see cref="HandshakeOutcome.InitiationTooSoon"/>: how many ms after the last it came.</summary>
    public long SinceMs { get; internal init; }

    /// <summary>Of <see cref="HandshakeOutcome.InitiationOld"/>: how far its timestamp is behind the newest.</summary>
    public double SecondsBehind { get; internal init; }
}

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

/// <summary>
/// Where a handshake message says it comes from, for a device under load, which wants that proven (section 5.3). The default
/// value wants nothing proven.
/// </summary>
public readonly ref struct MessageSource
{
    /// <param name="address">What a cookie is bound to: the bytes of an address and port, say. At least one.</param>
    /// <param name="sender">Who counts as one sender, of whom few messages are worked on: an IPv4 address, an IPv6 /64.</param>
    public MessageSource(ReadOnlySpan<byte> address, UInt128 sender)
    {
        Address = address;
        Sender = sender;
    }

    internal ReadOnlySpan<byte> Address { get; }

    internal UInt128 Sender { get; }

    internal bool MustBeProven => !Address.IsEmpty;
}
