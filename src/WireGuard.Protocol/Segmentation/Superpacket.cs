using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// SUPERPACKET, the second of the inner payloads that are no IP packet: a TCP or UDP packet that was never cut, and what it is
/// to be cut into where it leaves the tunnel. Every other implementation authenticates it and drops it.
/// <code>
/// u8 0x02 | u8 kind | u16 LE segment size | the IP packet
/// </code>
/// </summary>
/// <param name="Kind">What it is to be cut into; it agrees with the packet's headers.</param>
/// <param name="SegmentSize">The bytes of TCP or UDP payload that each segment but the last carries.</param>
/// <param name="Layout">Where the parts of the IP packet lie, from its own beginning.</param>
public readonly record struct Superpacket(SegmentationKind Kind, ushort SegmentSize, PacketLayout Layout)
{
    /// <summary>Bytes in front of the IP packet.</summary>
    public const int HeaderSize = 4;

    /// <summary>
    /// The smallest segment, in bytes. Smaller ones would make a thousand packets of one message; whoever has such sends them
    /// one by one.
    /// </summary>
    public const int MinSegmentSize = 500;

    /// <summary>
    /// The most datagrams that one may be segmented into: UDP_MAX_SEGMENTS of kernels before 6.10 (include/linux/udp.h), whose
    /// TUN devices take no more. Of TCP there is no such bound.
    /// </summary>
    public const int MaxUdpSegments = 64;

    /// <summary>
    /// The longest IP packet, in bytes, that fits a frame: 65,530 bytes less 32 around the ciphertext are 65,488 of padded
    /// plaintext, and the header is within.
    /// </summary>
    public const int LargestAccepted = 65_480;

    private const byte Type = 0x02;
    private const int TcpFlags = 13;
    private const int SynRstUrg = 0x02 | 0x04 | 0x20;

    /// <summary>The payload cannot be what other payloads are: IP packets begin with 4 or 6, HELLO with 1.</summary>
    public static bool IsSuperpacket(ReadOnlySpan<byte> payload) => !payload.IsEmpty && payload[0] == Type;

    /// <summary>Whether one packet is left as it is when it is cut: its checksum is partial, that is all.</summary>
    public bool IsOneSegment => Layout.PayloadLength <= SegmentSize;

    /// <summary>
    /// Whether a packet may be a superpacket, or several, with segments of this size: what <see cref="TryRead"/> asks of it but
    /// for its length: <see cref="LargestAccepted"/>, <see cref="MaxUdpSegments"/>.
    /// </summary>
    /// <param name="packet">The packet that <paramref name="layout"/> was read from.</param>
    /// <param name="layout">Its own.</param>
    /// <param name="segmentSize">The payload bytes of each segment but the last.</param>
    public static bool MayCarry(ReadOnlySpan<byte> packet, in PacketLayout layout, int segmentSize)
    {
        if (layout.PayloadLength == 0 || segmentSize < MinSegmentSize || segmentSize > layout.Length)
            return false;
        // Of several segments, those behind the first would say it again, or point past themselves.
        return layout.IsUdp
            || layout.PayloadLength <= segmentSize
            || (packet[layout.TransportOffset + TcpFlags] & SynRstUrg) == 0;
    }

    /// <summary>The most bytes of TCP or UDP payload that one with segments of this size carries, whatever its length.</summary>
    public static int MaxPayload(in PacketLayout layout, int segmentSize) =>
        layout.IsUdp ? MaxUdpSegments * segmentSize : int.MaxValue;

    /// <param name="payload">Receives <see cref="HeaderSize"/> bytes; the IP packet comes right behind.</param>
    public static void WriteHeader(Span<byte> payload, SegmentationKind kind, ushort segmentSize)
    {
        payload[0] = Type;
        payload[1] = (byte)kind;
        BinaryPrimitives.WriteUInt16LittleEndian(payload[2..], segmentSize);
    }

    /// <summary>
    /// Reads an opened inner payload, padding included, and believes nothing it says. The packet's checksum field may hold
    /// anything: the reader is to write it (<see cref="TransportChecksum.WritePartial"/>). The checksum of an IPv4 header is
    /// left to the kernel, which checks it in each packet it is given.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out Superpacket superpacket)
    {
        superpacket = default;
        if (payload.Length < HeaderSize || payload[0] != Type)
            return false;
        var kind = (SegmentationKind)payload[1];
        ushort segmentSize = BinaryPrimitives.ReadUInt16LittleEndian(payload[2..]);
        ReadOnlySpan<byte> packet = payload[HeaderSize..];
        if (!PacketLayout.TryRead(packet, out PacketLayout layout) || layout.Kind != kind)
            return false;
        if (layout.Length > LargestAccepted || !MayCarry(packet, layout, segmentSize))
            return false;
        if (layout.PayloadLength > MaxPayload(layout, segmentSize))
            return false;
        superpacket = new Superpacket(kind, segmentSize, layout);
        return true;
    }
}
