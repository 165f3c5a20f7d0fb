using System.Buffers.Binary;
using WireGuard.Protocol.Noise;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// A packet read from the TUN device that may be one of our own messages: it left over UDP from our port, and a route led it back
/// into the interface, where it would be sealed, leave and come back for ever, and grow. Of one in fragments the first is
/// recognised; what the others become is recognised when it comes back.
/// </summary>
internal readonly ref struct OuterDatagram
{
    private const int HeaderIPv6 = 40;
    private const int FragmentHeaderIPv6 = 8;
    private const int IPPROTO_FRAGMENT = 44; // include/uapi/linux/in6.h
    private const int HeaderUdp = 8;

    private readonly ReadOnlySpan<byte> _udp;

    private OuterDatagram(ReadOnlySpan<byte> address, ReadOnlySpan<byte> udp)
    {
        Address = address;
        _udp = udp;
    }

    /// <summary>Where it goes: 4 or 16 bytes.</summary>
    public ReadOnlySpan<byte> Address { get; }

    /// <summary>In network order.</summary>
    public ReadOnlySpan<byte> Port => _udp[2..4];

    public MessageType Type => (MessageType)BinaryPrimitives.ReadUInt32LittleEndian(_udp[HeaderUdp..]);

    /// <summary>The receiver index of a transport message; the sender's of a handshake message.</summary>
    public uint Index => BinaryPrimitives.ReadUInt32LittleEndian(_udp[(HeaderUdp + sizeof(uint))..]);

    /// <summary>Reads a packet whose IP header is whole.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="port">Ours.</param>
    /// <returns>False when it is none that could be ours: it is no UDP from that port, or too short.</returns>
    public static bool TryRead(ReadOnlySpan<byte> packet, ushort port, out OuterDatagram datagram)
    {
        datagram = default;
        bool isIPv6 = packet[0] >> 4 == 6;
        // Here ends the look at all that is neither UDP nor a fragment.
        byte protocol = packet[isIPv6 ? 6 : 9];
        if (protocol != IPPROTO_UDP && (!isIPv6 || protocol != IPPROTO_FRAGMENT))
            return false;
        int transport = isIPv6 ? HeaderIPv6 : (packet[0] & 0xF) * 4;
        if (protocol == IPPROTO_FRAGMENT)
            transport += FragmentHeaderIPv6;
        if (packet.Length < transport + HeaderUdp + (2 * sizeof(uint)))
            return false;
        if (BinaryPrimitives.ReadUInt16BigEndian(packet[transport..]) != port)
            return false;
        bool isFirst = protocol == IPPROTO_FRAGMENT
            ? packet[HeaderIPv6] == IPPROTO_UDP
                && (BinaryPrimitives.ReadUInt16BigEndian(packet[(HeaderIPv6 + 2)..]) & 0xFFF8) == 0
            : isIPv6 || (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1FFF) == 0;
        if (!isFirst)
            return false;
        datagram = new OuterDatagram(isIPv6 ? packet.Slice(24, 16) : packet.Slice(16, 4), packet[transport..]);
        return true;
    }
}
