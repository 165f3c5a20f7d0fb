namespace WireGuard.Protocol.Peers;

/// <summary>A transport message that is authentic and no replay.</summary>
public readonly ref struct OpenedMessage
{
    /// <summary>What was sealed, in its place in the message, with its padding: a multiple of 16 bytes, mostly.</summary>
    public Span<byte> Payload { get; internal init; }

    /// <summary>What that is.</summary>
    internal PayloadKind Kind { get; init; }

    /// <summary>What the message leaves to be done.</summary>
    public PeerNews News { get; internal init; }

    /// <summary>
    /// Whether its counter is the newest of its session: then the path it came by is where the peer is now.
    /// </summary>
    public bool IsNewest { get; internal init; }

    /// <summary>Of a HELLO that is heeded: the connection it came on is one more beside the peer's others.</summary>
    internal bool Joins { get; init; }

    /// <summary>Of a HELLO that joins: an answer is to go out on the same connection.</summary>
    internal bool Asks { get; init; }
}

/// <summary>What an authentic transport message carried.</summary>
internal enum PayloadKind
{
    /// <summary>Nothing.</summary>
    Keepalive,

    /// <summary>
    /// An inner packet, its padding behind it: bytes that the peer chose. The length of the packet is in its IP header, and its
    /// source address is still to be checked.
    /// </summary>
    Packet,

    /// <summary>What a peer of our kind says of itself, between daemons over streams alone.</summary>
    Hello,

    /// <summary>A packet that was left unsegmented, between daemons over streams alone.</summary>
    Superpacket,
}

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

/// <summary>What becomes of a HELLO that comes in.</summary>
internal enum Extensions
{
    /// <summary>It is no HELLO but a packet that is no IP packet: there are none over datagrams.</summary>
    None,

    /// <summary>It is dropped: we say none, so we heed none.</summary>
    Ignored,

    /// <summary>It is heeded.</summary>
    Heeded,
}
