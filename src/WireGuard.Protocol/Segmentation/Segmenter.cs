using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// Segments one TCP or UDP packet that is larger than the path, as tcp_gso_segment() and __udp_gso_segment() of Linux do. Each
/// piece is written where it is wanted, and summed meanwhile.
/// <list type="bullet">
/// <item>IPv4: total length, identification (one more for each segment), header checksum</item>
/// <item>IPv6: payload length</item>
/// <item>TCP: sequence number; CWR on the first only, FIN and PSH on the last only; all else on each</item>
/// <item>UDP: length</item>
/// <item>both: the whole checksum, whatever was in its place before</item>
/// </list>
/// </summary>
internal readonly ref struct Segmenter
{
    private const int TotalLengthIPv4 = 2;
    private const int IdentificationIPv4 = 4;
    private const int ChecksumIPv4 = 10;
    private const int PayloadLengthIPv6 = 4;
    private const int SequenceTcp = 4;
    private const int FlagsTcp = 13;
    private const int ChecksumTcp = 16;
    private const int LengthUdp = 4;
    private const int ChecksumUdp = 6;

    private readonly ReadOnlySpan<byte> _packet;
    private readonly PacketHeaders _headers;
    private readonly int _pieceSize;
    private readonly int _segmentsPerPiece;

    // Sums of what is the same in all pieces, so of the headers without the fields that differ and the checksums.
    private readonly ushort _ipSum;
    private readonly ushort _transportSum;

    private Segmenter(ReadOnlySpan<byte> packet, scoped in PacketHeaders headers, int segmentSize, int segmentsPerPiece)
    {
        _packet = packet;
        _headers = headers;
        _pieceSize = segmentSize * segmentsPerPiece;
        _segmentsPerPiece = segmentsPerPiece;
        Count = (headers.PayloadLength + _pieceSize - 1) / _pieceSize;
        _ipSum = headers.IsIPv6 ? (ushort)0 : ConstantSumIPv4(packet[..headers.TransportOffset]);
        ReadOnlySpan<byte> transport = packet[headers.TransportOffset..headers.PayloadOffset];
        ushort pseudo = TransportChecksum.PseudoHeader(packet, headers, transportLength: 0);
        _transportSum = headers.IsUdp ? ConstantSumUdp(transport, pseudo) : ConstantSumTcp(transport, pseudo);
    }

    /// <summary>How many pieces there are: 1 or more.</summary>
    public int Count { get; }

    /// <summary>Begins to segment a packet.</summary>
    /// <param name="packet">The whole packet and nothing behind it. It is read until the last piece is written.</param>
    /// <param name="headers">Its own.</param>
    /// <param name="segmentSize">The bytes of TCP or UDP payload that each segment but the last carries; 1 or more.</param>
    /// <param name="segmenter">What writes the pieces.</param>
    /// <param name="segmentsPerPiece">
    /// How many segments each piece but the last has; 1 or more. Pieces of several are to be segmented again later.
    /// </param>
    /// <returns>False when the packet is of no kind, carries nothing, or does not end where its header says.</returns>
    public static bool TryBegin(
        ReadOnlySpan<byte> packet,
        scoped in PacketHeaders headers,
        int segmentSize,
        out Segmenter segmenter,
        int segmentsPerPiece = 1)
    {
        segmenter = default;
        if (segmentSize is < 1 or > ushort.MaxValue || segmentsPerPiece is < 1 or > short.MaxValue)
            return false;
        if (headers.Kind == SegmentationKind.None || headers.Length != packet.Length || headers.PayloadLength == 0)
            return false;
        segmenter = new Segmenter(packet, headers, segmentSize, segmentsPerPiece);
        return true;
    }

    /// <summary>The bytes of one piece, headers included.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public int LengthOf(int index) => _headers.PayloadOffset + PayloadLengthOf(index);

    /// <summary>Writes one piece.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1; in any order.</param>
    /// <param name="destination"><see cref="LengthOf"/> bytes or more.</param>
    /// <returns>How many bytes were written.</returns>
    public int Write(int index, Span<byte> destination)
    {
        int payloadLength = PayloadLengthOf(index);
        int length = _headers.PayloadOffset + payloadLength;
        destination = destination[..length];
        _packet[.._headers.PayloadOffset].CopyTo(destination);
        ReadOnlySpan<byte> payload = _packet.Slice(_headers.PayloadOffset + index * _pieceSize, payloadLength);
        ushort payloadSum = InternetChecksum.CopyAndSum(payload, destination[_headers.PayloadOffset..]);
        if (_headers.IsIPv6)
            BinaryPrimitives.WriteUInt16BigEndian(destination[PayloadLengthIPv6..], (ushort)(length - PacketHeaders.SizeIPv6));
        else
            WriteIPv4(destination, index);
        Span<byte> transport = destination[_headers.TransportOffset..];
        if (_headers.IsUdp)
            WriteUdp(transport, payloadSum);
        else
            WriteTcp(transport, index, payloadSum);
        return length;
    }

    private int PayloadLengthOf(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
        return Math.Min(_pieceSize, _headers.PayloadLength - index * _pieceSize);
    }

    private void WriteIPv4(Span<byte> packet, int index)
    {
        ushort identification = BinaryPrimitives.ReadUInt16BigEndian(_packet[IdentificationIPv4..]);
        identification += (ushort)(index * _segmentsPerPiece);
        BinaryPrimitives.WriteUInt16BigEndian(packet[TotalLengthIPv4..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[IdentificationIPv4..], identification);
        ushort sum = InternetChecksum.Fold((uint)_ipSum + (uint)packet.Length + identification);
        BinaryPrimitives.WriteUInt16BigEndian(packet[ChecksumIPv4..], (ushort)~sum);
    }

    private void WriteTcp(Span<byte> transport, int index, ushort payloadSum)
    {
        ReadOnlySpan<byte> original = _packet[_headers.TransportOffset..];
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(original[SequenceTcp..]) + (uint)(index * _pieceSize);
        byte flags = _headers.TcpFlags;
        if (index != 0)
            flags &= unchecked((byte)~PacketHeaders.TcpCwr);
        if (index != Count - 1)
            flags &= unchecked((byte)~(PacketHeaders.TcpFin | PacketHeaders.TcpPsh));
        transport[FlagsTcp] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(transport[SequenceTcp..], sequence);
        ushort sum = InternetChecksum.Fold((ulong)_transportSum + payloadSum + (uint)transport.Length + sequence + flags);
        BinaryPrimitives.WriteUInt16BigEndian(transport[ChecksumTcp..], (ushort)~sum);
    }

    private void WriteUdp(Span<byte> transport, ushort payloadSum)
    {
        uint length = (uint)transport.Length;
        BinaryPrimitives.WriteUInt16BigEndian(transport[LengthUdp..], (ushort)length);
        ushort sum = InternetChecksum.Fold((uint)_transportSum + payloadSum + length + length); // pseudo-header and header
        BinaryPrimitives.WriteUInt16BigEndian(transport[ChecksumUdp..], TransportChecksum.NotZero((ushort)~sum));
    }

    private static ushort ConstantSumIPv4(ReadOnlySpan<byte> header)
    {
        // version to type of service | flags and fragment offset, time to live and protocol | addresses and options
        ushort sum = InternetChecksum.Sum(header[..TotalLengthIPv4]);
        sum = InternetChecksum.Sum(header[(IdentificationIPv4 + 2)..ChecksumIPv4], sum);
        return InternetChecksum.Sum(header[(ChecksumIPv4 + 2)..], sum);
    }

    private static ushort ConstantSumTcp(ReadOnlySpan<byte> header, ushort sum)
    {
        // ports | acknowledgment, and data offset without the flags | window | urgent pointer and options
        sum = InternetChecksum.Sum(header[..SequenceTcp], sum);
        sum = InternetChecksum.Sum(header[(SequenceTcp + 4)..FlagsTcp], sum);
        sum = InternetChecksum.Sum(header[(FlagsTcp + 1)..ChecksumTcp], sum);
        return InternetChecksum.Sum(header[(ChecksumTcp + 2)..], sum);
    }

    private static ushort ConstantSumUdp(ReadOnlySpan<byte> header, ushort sum) => InternetChecksum.Sum(header[..LengthUdp], sum);
}
