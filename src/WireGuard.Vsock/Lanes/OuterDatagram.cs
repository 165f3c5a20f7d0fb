using System.Buffers.Binary;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// A packet read from the TUN device that may be one of our own messages: it left over UDP from our port, and a route led it back
/// into the interface, where it would be sealed, leave and come back for ever, and grow. Of one in fragments the first is
/// recognised; what the others become is recognised when it comes back.
/// </summary>
internal readonly ref struct OuterDatagram
{
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

    /// <param name="packet">The packet.</param>
    /// <param name="headers">Its own.</param>
    /// <param name="port">Ours.</param>
    /// <param name="datagram">What it says as a message of ours.</param>
    /// <returns>False when it is none that could be ours: it is no UDP from that port, or too short.</returns>
    public static bool TryRead(
        ReadOnlySpan<byte> packet, scoped in PacketHeaders headers, ushort port, out OuterDatagram datagram)
    {
        datagram = default;
        if (!headers.IsUdp || packet.Length < headers.TransportOffset + HeaderUdp + (2 * sizeof(uint)))
            return false;
        ReadOnlySpan<byte> udp = packet[headers.TransportOffset..];
        if (BinaryPrimitives.ReadUInt16BigEndian(udp) != port)
            return false;
        datagram = new OuterDatagram(headers.Destination(packet), udp);
        return true;
    }
}
