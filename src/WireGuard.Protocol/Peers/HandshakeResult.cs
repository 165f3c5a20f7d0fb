using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Peers;

/// <summary>What became of a handshake message, which peer it is about, and what to send back.</summary>
public readonly ref struct HandshakeResult<TPeer>
    where TPeer : WireGuardPeer
{
    /// <summary>What became of it.</summary>
    public HandshakeOutcome Outcome { get; internal init; }

    /// <summary>
    /// The peer that it is about; null if there is none. Only with <see cref="HandshakeOutcome.Responded"/> and
    /// <see cref="HandshakeOutcome.Completed"/> does the message come from where the peer is: only these may move its endpoint.
    /// Anyone can send the peer's old initiations again, or a forged one that names the peer; and one who sees our initiations
    /// and knows the peer's public key can make cookies.
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

    /// <summary>
    /// A response that is not authentic. Its receiver index names a peer, which proves nothing: <c>Peer</c> is null.
    /// </summary>
    ResponseRejected,

    /// <summary>Our handshake is complete: something must be sent at once, a keepalive if there is nothing else.</summary>
    Completed,

    /// <summary>
    /// A peer under load, or who poses as one, sent us a cookie: the next initiation, when its time comes, carries it.
    /// </summary>
    CookieTaken,
}

/// <summary>
/// Where a handshake message came from, for a device under load: the sender has to prove it with a cookie (section 5.3). The
/// default value asks for no proof.
/// </summary>
public readonly ref struct MessageSource
{
    /// <param name="address">The bytes that a cookie is bound to, such as those of the address and port; at least one.</param>
    /// <param name="sender">What the rate limit counts as one source, such as an IPv4 address or an IPv6 /64.</param>
    /// <exception cref="ArgumentException">The address is empty.</exception>
    public MessageSource(ReadOnlySpan<byte> address, UInt128 sender)
    {
        if (address.IsEmpty)
            throw new ArgumentException("A source has an address.", nameof(address));
        Address = address;
        Sender = sender;
    }

    internal ReadOnlySpan<byte> Address { get; }

    internal UInt128 Sender { get; }

    internal bool MustBeProven => !Address.IsEmpty;
}
