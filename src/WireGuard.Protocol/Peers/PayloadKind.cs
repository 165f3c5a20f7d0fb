namespace WireGuard.Protocol.Peers;

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
