namespace WireGuard.Vsock.SharedState;

/// <summary>Why a lane dropped a packet or a message.</summary>
internal enum DropReason
{
    /// <summary>Outbound: what the TUN device gave is no IP packet, or its length is wrong.</summary>
    NotAnIpPacket,

    /// <summary>Outbound: no peer has its destination among its allowed IPs.</summary>
    NoPeerForPacket,

    /// <summary>Outbound: too long for a frame or a datagram.</summary>
    TooLong,

    /// <summary>Outbound: the socket refused a datagram.</summary>
    NotSent,

    /// <summary>Inbound: no WireGuard message by type or size, or a handshake message for another public key.</summary>
    NotAMessage,

    /// <summary>Inbound: its receiver index names no session.</summary>
    UnknownReceiver,

    /// <summary>Inbound: forged, replayed, or under a session that has ended.</summary>
    NotAuthentic,

    /// <summary>Inbound: the inner packet is no IP packet, or its source is not among the peer's allowed IPs.</summary>
    SourceNotAllowed,

    /// <summary>Inbound: a malformed superpacket, or one of a kind that we have not advertised.</summary>
    BadSuperpacket,

    /// <summary>Inbound: marked with congestion on its path, and the inner packet's sender does not use ECN (RFC 6040).</summary>
    CongestionUnheard,

    /// <summary>Outbound: one of our own messages, which a route led back into the interface.</summary>
    RoutingLoop,

    /// <summary>Inbound: the TUN device refused the packet.</summary>
    NotWritten,

    /// <summary>Inbound: the queue of handshake messages was full.</summary>
    HandshakeQueueFull,
}

/// <summary>
/// What a lane, or control, dropped, by reason. Written by its thread alone, read by any: a stale number does no harm.
/// </summary>
internal sealed class LaneCounters
{
    private readonly long[] _counts = new long[Enum.GetValues<DropReason>().Length];

    public long this[DropReason reason] => Volatile.Read(ref _counts[(int)reason]);

    public void Count(DropReason reason, long count = 1) => _counts[(int)reason] += count;
}
