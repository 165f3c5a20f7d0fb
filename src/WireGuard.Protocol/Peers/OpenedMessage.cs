using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Peers;

/// <summary>What an authentic transport message, which is no replay, contained.</summary>
public readonly ref struct OpenedMessage
{
    /// <summary>
    /// The opened bytes, in their place in the message: nothing for a keepalive, else an inner packet and its padding. The peer
    /// chose them, and they may be no IP packet: the caller checks the IP header, cuts them at the length that it says, and
    /// checks the packet's source address against what the peer may send from.
    /// </summary>
    public Span<byte> Payload { get; internal init; }

    /// <summary>What the payload is.</summary>
    internal PayloadKind Kind { get; init; }

    /// <summary>What the owner thread has to do now.</summary>
    public PeerNews News { get; internal init; }

    /// <summary>
    /// Whether its counter is the highest of its session so far: then the peer is where it came from, as far as is known.
    /// </summary>
    public bool IsNewest { get; internal init; }

    /// <summary>
    /// What a HELLO says that is long enough to promise anything; it promises nothing if it is none. It has proved its path.
    /// </summary>
    internal Hello Promise { get; init; }

    /// <summary>It is a HELLO: the connection it came on joins the peer's others.</summary>
    internal bool Joins { get; init; }

    /// <summary>It is a HELLO that joins, and asks for an answer on the same connection.</summary>
    internal bool Asks { get; init; }
}

/// <summary>What an authentic transport message carried.</summary>
internal enum PayloadKind
{
    /// <summary>Nothing.</summary>
    Keepalive,

    /// <summary>An inner packet with its padding, unchecked.</summary>
    Packet,

    /// <summary>HELLO, between daemons over streams only.</summary>
    Hello,

    /// <summary>A superpacket, between daemons over streams only.</summary>
    Superpacket,
}

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

    /// <summary>
    /// The first message came in under a session that the peer began: call <see cref="WireGuardPeer.Poll"/>, before the next
    /// <see cref="WireGuardDevice{TPeer}.Receive"/>. If an initiation is accepted first, its session replaces this one, and what
    /// is in flight under this one may be lost.
    /// </summary>
    SessionConfirmed = 4,

    /// <summary>The peer has said HELLO. Between daemons over streams only.</summary>
    HelloSaid = 8,
}

/// <summary>How a HELLO that is received is treated.</summary>
internal enum Extensions
{
    /// <summary>As any packet, which then is no IP packet: over datagrams there is no HELLO.</summary>
    None,

    /// <summary>It is dropped: we do not say HELLO either.</summary>
    Ignored,

    /// <summary>What it says is noted.</summary>
    Heeded,
}
