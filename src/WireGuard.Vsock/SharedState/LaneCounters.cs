namespace WireGuard.Vsock.SharedState;

/// <summary>Why a lane dropped a packet or a message.</summary>
internal enum DropReason
{
    /// <summary>Outbound: what the TUN device gave is no IP packet, or lies about its length.</summary>
    NotAnIpPacket,

    /// <summary>Outbound: no peer has its destination among its allowed IPs.</summary>
    NoPeerForPacket,

    /// <summary>Outbound: no frame, or no datagram, carries a packet of that length.</summary>
    TooLong,

    /// <summary>Outbound: the network did not take a datagram.</summary>
    NotSent,

    /// <summary>Inbound: no WireGuard message by type or size, or a handshake message for another public key.</summary>
    NotAMessage,

    /// <summary>Inbound: its receiver index names no session.</summary>
    UnknownReceiver,

    /// <summary>Inbound: forged, replayed, or under a session that has ended.</summary>
    NotAuthentic,

    /// <summary>Inbound: the inner packet is no IP packet, or its source is not among the peer's allowed IPs.</summary>
    SourceNotAllowed,

    /// <summary>Inbound: a superpacket that lies about itself, or one that we have not said we take.</summary>
    BadSuperpacket,

    /// <summary>Inbound: marked with congestion on its way, and the inner packet's sender knows no marks (RFC 6040).</summary>
    CongestionUnheard,

    /// <summary>Outbound: one of our own messages, which a route led back into the interface.</summary>
    RoutingLoop,

    /// <summary>Inbound: the TUN device did not take it.</summary>
    NotWritten,

    /// <summary>Inbound: control had more handshake messages waiting than it may.</summary>
    HandshakeQueueFull,
}

/// <summary>
/// What a lane, or control, dropped, by reason. Written by its thread alone, read by anyone: a number that is a moment old does
/// no harm.
/// </summary>
internal sealed class LaneCounters
{
    private readonly long[] _counts = new long[Enum.GetValues<DropReason>().Length];

    public long this[DropReason reason] => Volatile.Read(ref _counts[(int)reason]);

    public void Count(DropReason reason, long count = 1) => _counts[(int)reason] += count;
}
