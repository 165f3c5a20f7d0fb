using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// Cuts one TCP or UDP packet that is larger than the path into packets that are not, as tcp_gso_segment() and
/// __udp_gso_segment() of Linux do. Each piece is written where it is wanted, and summed on the way.
/// <list type="bullet">
/// <item>IPv4: total length, identification (one more for each segment), header checksum</item>
/// <item>IPv6: payload length</item>
/// <item>TCP: sequence number; CWR on the first only, FIN and PSH on the last only; all else on each</item>
/// <item>UDP: length</item>
/// <item>both: the whole checksum, whatever was in its place before</item>
/// </list>
/// </summary>
public readonly ref struct Segmenter
{
    private const int TotalLengthIPv4 = 2;
    private const int IdentificationIPv4 = 4;
    private const int ChecksumIPv4 = 10;
    private const int PayloadLengthIPv6 = 4;
    private const int SizeIPv6 = 40;
    private const int SequenceTcp = 4;
    private const int FlagsTcp = 13;
    private const int ChecksumTcp = 16;
    private const int LengthUdp = 4;
    private const int ChecksumUdp = 6;

    private const byte Fin = 0x01;
    private const byte Psh = 0x08;
    private const byte Cwr = 0x80;

    private readonly ReadOnlySpan<byte> _packet;
    private readonly PacketLayout _layout;
    private readonly int _pieceSize;
    private readonly int _segmentsPerPiece;

    // Sums of what is the same in all pieces, so of the headers without the fields that differ and the checksums.
    private readonly ushort _ipSum;
    private readonly ushort _transportSum;

    private Segmenter(ReadOnlySpan<byte> packet, scoped in PacketLayout layout, int segmentSize, int segmentsPerPiece)
    {
        _packet = packet;
        _layout = layout;
        _pieceSize = segmentSize * segmentsPerPiece;
        _segmentsPerPiece = segmentsPerPiece;
        Count = (layout.PayloadLength + _pieceSize - 1) / _pieceSize;
        _ipSum = layout.IsIPv6 ? (ushort)0 : ConstantSumIPv4(packet[..layout.TransportOffset]);
        ReadOnlySpan<byte> transport = packet[layout.TransportOffset..layout.PayloadOffset];
        ushort pseudo = TransportChecksum.PseudoHeader(packet, layout, transportLength: 0);
        _transportSum = layout.IsUdp ? ConstantSumUdp(transport, pseudo) : ConstantSumTcp(transport, pseudo);
    }

    /// <summary>How many pieces there are: 1 or more.</summary>
    public int Count { get; }

    /// <summary>Begins to cut a packet into single segments.</summary>
    /// <param name="packet">The whole packet and nothing behind it. It is read until the last piece is written.</param>
    /// <param name="segmentSize">The bytes of TCP or UDP payload that each segment but the last carries; 1 or more.</param>
    /// <returns>False when the packet is not of that kind, carries nothing, or does not end where its header says.</returns>
    public static bool TryBegin(ReadOnlySpan<byte> packet, SegmentationKind kind, int segmentSize, out Segmenter segmenter) =>
        TryBegin(packet, kind, segmentSize, segmentsPerPiece: 1, out segmenter);

    /// <summary>Begins to cut a packet into smaller ones that are themselves to be cut later.</summary>
    /// <param name="segmentsPerPiece">How many segments each piece but the last will make; 1 or more.</param>
    public static bool TryBegin(
        ReadOnlySpan<byte> packet, SegmentationKind kind, int segmentSize, int segmentsPerPiece, out Segmenter segmenter)
    {
        segmenter = default;
        if (segmentSize is < 1 or > ushort.MaxValue || segmentsPerPiece is < 1 or > short.MaxValue)
            return false;
        if (!PacketLayout.TryRead(packet, out PacketLayout layout) || layout.Kind != kind)
            return false;
        if (layout.Length != packet.Length || layout.PayloadLength == 0)
            return false;
        segmenter = new Segmenter(packet, layout, segmentSize, segmentsPerPiece);
        return true;
    }

    /// <summary>The bytes of one piece, headers included.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public int LengthOf(int index) => _layout.PayloadOffset + PayloadLengthOf(index);

    /// <summary>Writes one piece.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1; in any order.</param>
    /// <param name="destination"><see cref="LengthOf"/> bytes or more.</param>
    /// <returns>How many bytes were written.</returns>
    public int Write(int index, Span<byte> destination)
    {
        int payloadLength = PayloadLengthOf(index);
        int length = _layout.PayloadOffset + payloadLength;
        destination = destination[..length];
        _packet[.._layout.PayloadOffset].CopyTo(destination);
        ReadOnlySpan<byte> payload = _packet.Slice(_layout.PayloadOffset + index * _pieceSize, payloadLength);
        ushort payloadSum = InternetChecksum.CopyAndSum(payload, destination[_layout.PayloadOffset..]);
        if (_layout.IsIPv6)
            BinaryPrimitives.WriteUInt16BigEndian(destination[PayloadLengthIPv6..], (ushort)(length - SizeIPv6));
        else
            WriteIPv4(destination, index);
        Span<byte> transport = destination[_layout.TransportOffset..];
        if (_layout.IsUdp)
            WriteUdp(transport, payloadSum);
        else
            WriteTcp(transport, index, payloadSum);
        return length;
    }

    private int PayloadLengthOf(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
        return Math.Min(_pieceSize, _layout.PayloadLength - index * _pieceSize);
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
        ReadOnlySpan<byte> original = _packet[_layout.TransportOffset..];
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(original[SequenceTcp..]) + (uint)(index * _pieceSize);
        byte flags = original[FlagsTcp];
        if (index != 0)
            flags &= unchecked((byte)~Cwr);
        if (index != Count - 1)
            flags &= unchecked((byte)~(Fin | Psh));
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
