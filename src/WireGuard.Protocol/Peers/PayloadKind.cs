namespace WireGuard.Protocol.Peers;

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
