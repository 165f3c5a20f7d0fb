using System.Buffers.Binary;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>A TCP segment or UDP datagram, field by field, and the slow and obvious way to its bytes.</summary>
internal sealed record FlowSegment
{
    public const byte Fin = 0x01, Syn = 0x02, Rst = 0x04, Psh = 0x08, Ack = 0x10, Urg = 0x20, Ece = 0x40, Cwr = 0x80;

    public bool IsIPv6 { get; init; }
    public bool IsUdp { get; init; }
    public byte Source { get; init; } = 1;
    public byte Destination { get; init; } = 2;
    public ushort SourcePort { get; init; } = 40_000;
    public ushort DestinationPort { get; init; } = 443;
    public byte TrafficClass { get; init; }
    public int FlowLabel { get; init; } = 0x12345;
    public byte HopLimit { get; init; } = 64;
    public ushort FragmentBits { get; init; } = 0x4000; // don't fragment
    public ushort Id { get; init; } = 100;
    public uint Sequence { get; init; } = 1_000_000;
    public uint Acknowledgement { get; init; } = 77;
    public byte Flags { get; init; } = Ack;
    public byte Reserved { get; init; }
    public ushort Window { get; init; } = 501;
    public ushort Urgent { get; init; }
    public byte[] IpOptions { get; init; } = [];
    public byte[] TcpOptions { get; init; } = [1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6]; // timestamps
    public byte[] Payload { get; init; } = [];
    public int TransportOffset => IsIPv6 ? 40 : 20 + IpOptions.Length;
    public int PayloadOffset => TransportOffset + (IsUdp ? 8 : 20 + TcpOptions.Length);

    /// <summary>The one that follows this one in its flow.</summary>
    public FlowSegment Next(byte[] payload) => this with
    {
        Id = (ushort)(Id + 1),
        Sequence = Sequence + (uint)Payload.Length,
        Payload = payload,
    };

    public byte[] ToBytes()
    {
        byte[] packet = new byte[PayloadOffset + Payload.Length];
        Span<byte> transport = packet.AsSpan(TransportOffset);
        BinaryPrimitives.WriteUInt16BigEndian(transport, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], DestinationPort);
        if (IsUdp)
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
        else
            WriteTcp(transport);
        Payload.CopyTo(packet, PayloadOffset);
        if (IsIPv6)
            WriteIPv6(packet);
        else
            WriteIPv4(packet);
        int checksum = PseudoHeaderSum(packet, IsIPv6, IsUdp, transport.Length) + Sum(transport);
        BinaryPrimitives.WriteUInt16BigEndian(transport[(IsUdp ? 6 : 16)..], Complement(checksum, isUdp: IsUdp));
        return packet;
    }

    /// <summary>The sum that goes beside a transport header; not folded.</summary>
    public static int PseudoHeaderSum(ReadOnlySpan<byte> packet, bool isIPv6, bool isUdp, int transportLength) =>
        Sum(isIPv6 ? packet[8..40] : packet[12..20]) + (isUdp ? 17 : 6) + transportLength;

    public static int Sum(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        for (int i = 0; i < bytes.Length; i++)
            sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
        return sum;
    }

    public static ushort Fold(int sum)
    {
        while (sum > 0xFFFF)
            sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)sum;
    }

    public static ushort Complement(int sum, bool isUdp = false)
    {
        ushort checksum = (ushort)~Fold(sum);
        return isUdp && checksum == 0 ? (ushort)0xFFFF : checksum;
    }

    private void WriteTcp(Span<byte> tcp)
    {
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], Acknowledgement);
        tcp[12] = (byte)((20 + TcpOptions.Length) / 4 << 4 | Reserved);
        tcp[13] = Flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], Window);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[18..], Urgent);
        TcpOptions.CopyTo(tcp[20..]);
    }

    private void WriteIPv4(Span<byte> packet)
    {
        packet[0] = (byte)(0x40 | TransportOffset / 4);
        packet[1] = TrafficClass;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], Id);
        BinaryPrimitives.WriteUInt16BigEndian(packet[6..], FragmentBits);
        packet[8] = HopLimit;
        packet[9] = (byte)(IsUdp ? 17 : 6);
        (packet[12], packet[15]) = (10, Source);
        (packet[16], packet[19]) = (10, Destination);
        IpOptions.CopyTo(packet[20..]);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], Complement(Sum(packet[..TransportOffset])));
    }

    private void WriteIPv6(Span<byte> packet)
    {
        BinaryPrimitives.WriteUInt32BigEndian(packet, 0x6000_0000u | (uint)TrafficClass << 20 | (uint)FlowLabel);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40));
        packet[6] = (byte)(IsUdp ? 17 : 6);
        packet[7] = HopLimit;
        (packet[8], packet[23]) = (0xFD, Source);
        (packet[24], packet[39]) = (0xFD, Destination);
    }
}
