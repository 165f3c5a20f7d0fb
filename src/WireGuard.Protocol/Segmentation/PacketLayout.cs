using System.Buffers.Binary;
using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Segmentation;

/// <summary>Where the parts of a TCP or UDP packet lie.</summary>
/// <param name="IsIPv6">IPv6, or IPv4.</param>
/// <param name="IsUdp">UDP, or TCP.</param>
/// <param name="TransportOffset">Where the TCP or UDP header begins: the bytes of IP header, options and extensions.</param>
/// <param name="PayloadOffset">Where what it carries begins: the bytes of all headers.</param>
/// <param name="Length">The packet's own length, headers included.</param>
public readonly record struct PacketLayout(bool IsIPv6, bool IsUdp, int TransportOffset, int PayloadOffset, int Length)
{
    internal const byte Tcp = 6;
    internal const byte Udp = 17;

    private const int SizeIPv6 = 40;
    private const int MinSizeTcp = 20;
    private const int SizeUdp = 8;

    // RFC 8200 section 4: a chain of more is nobody's honest packet.
    private const int MaxExtensions = 8;
    private const byte HopByHop = 0;
    private const byte Routing = 43;
    private const byte DestinationOptions = 60;

    /// <summary>Where a routing header holds the destination that the checksum is made with; 0 without one.</summary>
    private readonly int _routedDestination;

    private PacketLayout(bool isIPv6, bool isUdp, int transport, int payload, int length, int routedDestination)
        : this(isIPv6, isUdp, transport, payload, length) => _routedDestination = routedDestination;

    public int PayloadLength => Length - PayloadOffset;

    /// <summary>The bytes of TCP or UDP header and payload, as pseudo-headers have it.</summary>
    public int TransportLength => Length - TransportOffset;

    /// <summary>Where the TCP or UDP checksum lies.</summary>
    public int ChecksumOffset => TransportOffset + (IsUdp ? 6 : 16);

    internal int SourceOffset => IsIPv6 ? 8 : 12;

    /// <summary>The final destination: a routing header holds another than the IP header (RFC 8200 section 8.1).</summary>
    internal int DestinationOffset => _routedDestination != 0 ? _routedDestination : IsIPv6 ? 24 : 16;

    internal int AddressSize => IsIPv6 ? 16 : 4;

    /// <summary>What such a packet can be cut into.</summary>
    public SegmentationKind Kind =>
        IsUdp ? SegmentationKind.Udp : IsIPv6 ? SegmentationKind.TcpIPv6 : SegmentationKind.TcpIPv4;

    /// <summary>
    /// Reads a packet with or without padding behind it. False for whatever can be neither cut nor glued: fragments, other
    /// protocols, headers that do not fit, and a UDP length that is not just what the IP header leaves for it.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> packet, out PacketLayout layout)
    {
        layout = default;
        if (!IpHeader.TryRead(packet, out IpHeader ip))
            return false;
        packet = packet[..ip.Length];
        int transport;
        byte protocol;
        int routedDestination = 0;
        if (ip.IsIPv6 ? !TryWalkIPv6(packet, out transport, out protocol, out routedDestination)
            : !TryWalkIPv4(packet, out transport, out protocol))
        {
            return false;
        }
        int headerSize = TransportHeaderSize(protocol, packet[transport..]);
        if (headerSize == 0)
            return false;
        layout = new PacketLayout(
            ip.IsIPv6, protocol == Udp, transport, transport + headerSize, packet.Length, routedDestination);
        return true;
    }

    private static bool TryWalkIPv4(ReadOnlySpan<byte> packet, out int transport, out byte protocol)
    {
        const int MoreFragmentsOrOffset = 0x3FFF;
        transport = (packet[0] & 0xF) * 4;
        protocol = packet[9];
        return (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & MoreFragmentsOrOffset) == 0;
    }

    private static bool TryWalkIPv6(
        ReadOnlySpan<byte> packet, out int transport, out byte protocol, out int routedDestination)
    {
        transport = SizeIPv6;
        protocol = packet[6];
        routedDestination = 0;
        for (int i = 0; i <= MaxExtensions; i++)
        {
            if (protocol is not (HopByHop or Routing or DestinationOptions))
                return true;
            ReadOnlySpan<byte> extension = packet[transport..];
            if (extension.Length < 8)
                return false;
            int size = (extension[1] + 1) * 8;
            if (size > extension.Length)
                return false;
            if (protocol == Routing && extension[3] != 0) // segments left
            {
                int last = LastAddress(extension[..size]);
                if (last == 0 || routedDestination != 0)
                    return false;
                routedDestination = transport + last;
            }
            protocol = extension[0];
            transport += size;
        }
        return false;
    }

    /// <summary>Where a routing header that is not used up holds its last address; 0 when that is not known.</summary>
    private static int LastAddress(ReadOnlySpan<byte> routing) => routing[2] switch
    {
        0 when routing.Length >= 24 => routing.Length - 16, // RFC 2460: in the order of the road
        2 or 4 when routing.Length >= 24 => 8, // RFC 6275: the only one. RFC 8754: the last comes first
        _ => 0,
    };

    private static int TransportHeaderSize(byte protocol, ReadOnlySpan<byte> transport)
    {
        switch (protocol)
        {
            case Tcp when transport.Length >= MinSizeTcp:
                int size = (transport[12] >> 4) * 4;
                return size >= MinSizeTcp && size <= transport.Length ? size : 0;
            case Udp when transport.Length >= SizeUdp:
                return BinaryPrimitives.ReadUInt16BigEndian(transport[4..]) == transport.Length ? SizeUdp : 0;
            default:
                return 0;
        }
    }
}
