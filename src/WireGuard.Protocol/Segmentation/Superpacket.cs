using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// SUPERPACKET, the second of the inner payloads that are no IP packet: a TCP or UDP packet that was never segmented, and what it
/// is to be segmented into where it leaves the tunnel. Every other implementation authenticates it and drops it.
/// <code>
/// u8 0x02 | u8 kind | u16 LE segment size | the IP packet
/// </code>
/// </summary>
internal static class Superpacket
{
    /// <summary>Bytes in front of the IP packet.</summary>
    public const int HeaderSize = 4;

    /// <summary>
    /// The smallest segment, in bytes. Smaller ones would make a thousand packets of one message; such packets are sent one by
    /// one.
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
    private const int SynRstUrg = PacketHeaders.TcpSyn | PacketHeaders.TcpRst | PacketHeaders.TcpUrg;

    /// <summary>The payload cannot be what other payloads are: IP packets begin with 4 or 6, HELLO with 1.</summary>
    public static bool IsSuperpacket(ReadOnlySpan<byte> payload) => !payload.IsEmpty && payload[0] == Type;

    /// <summary>
    /// Whether a packet may be a superpacket, or several, with segments of this size: what <see cref="TryRead"/> asks of it but
    /// for its length: <see cref="LargestAccepted"/>, <see cref="MaxUdpSegments"/>.
    /// </summary>
    /// <param name="headers">The packet's.</param>
    /// <param name="segmentSize">The payload bytes of each segment but the last.</param>
    public static bool MayCarry(in PacketHeaders headers, int segmentSize)
    {
        if (headers.Kind == SegmentationKind.None || headers.PayloadLength == 0)
            return false;
        if (segmentSize < MinSegmentSize || segmentSize > headers.Length)
            return false;
        // Of several segments, those behind the first would say it again, or point past themselves.
        return headers.PayloadLength <= segmentSize || (headers.TcpFlags & SynRstUrg) == 0;
    }

    /// <summary>The most bytes of TCP or UDP payload that one with segments of this size carries, whatever its length.</summary>
    public static int MaxPayload(in PacketHeaders headers, int segmentSize) =>
        headers.IsUdp ? MaxUdpSegments * segmentSize : int.MaxValue;

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
    /// <param name="payload">The payload.</param>
    /// <param name="headers">Of the packet behind the header, left unsegmented.</param>
    public static bool TryRead(ReadOnlySpan<byte> payload, out PacketHeaders headers)
    {
        headers = default;
        if (payload.Length < HeaderSize || payload[0] != Type)
            return false;
        var kind = (SegmentationKind)payload[1];
        ushort segmentSize = BinaryPrimitives.ReadUInt16LittleEndian(payload[2..]);
        if (!PacketHeaders.TryRead(payload[HeaderSize..], out PacketHeaders read) || read.Kind != kind)
            return false;
        if (read.Length > LargestAccepted || !MayCarry(read, segmentSize))
            return false;
        if (read.PayloadLength > MaxPayload(read, segmentSize))
            return false;
        headers = read.LeftUnsegmented(segmentSize);
        return true;
    }
}
