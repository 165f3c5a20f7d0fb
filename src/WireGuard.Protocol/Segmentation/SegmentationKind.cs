namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// What an unsegmented packet is to be cut into. The numbers are those of the SUPERPACKET header (docs/protocol.md).
/// </summary>
public enum SegmentationKind : byte
{
    /// <summary>Nothing: it is one packet.</summary>
    None = 0,

    /// <summary>TCP segments over IPv4.</summary>
    TcpIPv4 = 1,

    /// <summary>TCP segments over IPv6.</summary>
    TcpIPv6 = 2,

    /// <summary>UDP datagrams over IPv4 or IPv6.</summary>
    Udp = 3,
}
