using System.Buffers.Binary;

namespace WireGuard.Protocol.Routing;

/// <summary>
/// What routing reads of an inner packet: RFC 791 section 3.1 and RFC 8200 section 3. A view: addresses are read from the
/// packet when asked for, since a packet on its way out needs only its destination and one on its way in only its source.
/// </summary>
public readonly ref struct IpHeader
{
    private const int MinSizeIPv4 = 20;
    private const int SizeIPv6 = 40;

    private readonly ReadOnlySpan<byte> _packet;

    private IpHeader(ReadOnlySpan<byte> packet, bool isIPv6)
    {
        _packet = packet;
        IsIPv6 = isIPv6;
    }

    public bool IsIPv6 { get; }

    /// <summary>The packet's own length in bytes, header included: what is left once WireGuard's padding is cut off.</summary>
    public int Length => _packet.Length;

    /// <summary>The IPv4 source as a host integer; meaningless for IPv6.</summary>
    public uint Source4 => BinaryPrimitives.ReadUInt32BigEndian(_packet[12..]);

    /// <summary>The IPv4 destination as a host integer; meaningless for IPv6.</summary>
    public uint Destination4 => BinaryPrimitives.ReadUInt32BigEndian(_packet[16..]);

    /// <summary>The IPv6 source as a host integer. Only for IPv6: an IPv4 packet may be too short to hold one.</summary>
    public UInt128 Source6 => BinaryPrimitives.ReadUInt128BigEndian(_packet[8..]);

    /// <summary>The IPv6 destination as a host integer. Only for IPv6: an IPv4 packet may be too short to hold one.</summary>
    public UInt128 Destination6 => BinaryPrimitives.ReadUInt128BigEndian(_packet[24..]);

    /// <summary>
    /// Reads a packet with or without padding behind it. False when it is neither IPv4 nor IPv6, is shorter than its header, or
    /// says a length that is more than there is or less than its header.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> packet, out IpHeader header)
    {
        header = default;
        if (packet.Length < MinSizeIPv4)
            return false;
        int length;
        int headerSize;
        bool isIPv6;
        switch (packet[0] >> 4)
        {
            case 4:
                isIPv6 = false;
                headerSize = (packet[0] & 0xF) * 4;
                if (headerSize < MinSizeIPv4)
                    return false;
                length = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
                break;
            case 6:
                isIPv6 = true;
                headerSize = SizeIPv6;
                length = SizeIPv6 + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
                break;
            default:
                return false;
        }
        if (length < headerSize || length > packet.Length)
            return false;
        header = new IpHeader(packet[..length], isIPv6);
        return true;
    }
}
