using System.Buffers.Binary;
using CsCheck;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>What a packet is made of. <see cref="Build"/> writes it down, with every length and checksum right.</summary>
internal sealed record TestPacket
{
    public const byte Fin = 0x01, Syn = 0x02, Rst = 0x04, Psh = 0x08, Ack = 0x10, Urg = 0x20, Ece = 0x40, Cwr = 0x80;

    private static readonly byte[] ExtensionTypes = [0, 43, 60]; // hop-by-hop, routing, destination options

    private static readonly Gen<(byte Type, byte[] Bytes)> GenExtension = Gen.Select(
        Gen.Int[0, 2], Gen.Int[1, 4], (type, units) =>
        {
            byte[] bytes = new byte[units * 8]; // of a routing header, no segments are left
            bytes[1] = (byte)(units - 1);
            bytes[^1] = 0x5A;
            return (ExtensionTypes[type], bytes);
        });

    public bool IsIPv6 { get; init; }

    public bool IsUdp { get; init; }

    public ushort Identification { get; init; } = 0x1234;

    /// <summary>A multiple of 4 bytes, up to 40.</summary>
    public byte[] OptionsIPv4 { get; init; } = [];

    /// <summary>Next header numbers and whole extension headers, whose first byte is not yet right.</summary>
    public (byte Type, byte[] Bytes)[] Extensions { get; init; } = [];

    /// <summary>What a routing header says in place of the destination.</summary>
    public byte[]? FinalDestination { get; init; }

    public uint Sequence { get; init; } = 0xFFFF_FC00;

    public byte Flags { get; init; } = Ack;

    /// <summary>A multiple of 4 bytes, up to 40.</summary>
    public byte[] OptionsTcp { get; init; } = [];

    public byte[] Payload { get; init; } = [];

    public byte[] Source => IsIPv6 ? [0xFD, .. Enumerable.Repeat((byte)0x11, 15)] : [10, 0, 0, 1];

    public byte[] Destination => IsIPv6 ? [0xFD, .. Enumerable.Repeat((byte)0xF7, 15)] : [192, 168, 255, 254];

    public byte Protocol => IsUdp ? (byte)17 : (byte)6;

    public SegmentationKind Kind =>
        IsUdp ? SegmentationKind.Udp : IsIPv6 ? SegmentationKind.TcpIPv6 : SegmentationKind.TcpIPv4;

    public int TransportOffset => IsIPv6 ? 40 + Extensions.Sum(e => e.Bytes.Length) : 20 + OptionsIPv4.Length;

    public int ChecksumOffset => TransportOffset + (IsUdp ? 6 : 16);

    public int HeaderSize => TransportOffset + (IsUdp ? 8 : 20 + OptionsTcp.Length);

    public int Length => HeaderSize + Payload.Length;

    /// <summary>The sum of the pseudo-header, not complemented.</summary>
    public ushort PseudoHeaderSum => NaiveChecksum.Sum(PseudoHeader);

    private byte[] PseudoHeader =>
        NaiveChecksum.PseudoHeader(Source, FinalDestination ?? Destination, Protocol, Length - TransportOffset);

    /// <summary>TCP and UDP, IPv4 and IPv6, with and without options and extensions, and any flags.</summary>
    public static Gen<TestPacket> Generate(int maxPayload) => Gen.Select(
        Gen.Bool.Select(Gen.Bool),
        Gen.UInt.Select(Gen.UShort, Gen.Byte),
        Gen.Byte.Array[0, 10].Select(Gen.Byte.Array[0, 10]),
        GenExtension.Array[0, 3],
        Gen.Byte.Array[1, maxPayload],
        (kind, numbers, options, extensions, payload) => new TestPacket
        {
            IsIPv6 = kind.Item1,
            IsUdp = kind.Item2,
            Sequence = numbers.Item1,
            Identification = numbers.Item2,
            Flags = numbers.Item3,
            OptionsIPv4 = [.. options.Item1.SelectMany(b => new byte[] { b, 1, 7, 0xFF })],
            OptionsTcp = [.. options.Item2.SelectMany(b => new byte[] { 1, b, 8, 0x0A })],
            Extensions = extensions,
            Payload = payload,
        });

    public byte[] Build()
    {
        byte[] packet = [.. IsIPv6 ? HeaderIPv6() : HeaderIPv4(), .. IsUdp ? HeaderUdp() : HeaderTcp(), .. Payload];
        byte[] summed = [.. PseudoHeader, .. packet[TransportOffset..]];
        ushort checksum = (ushort)~NaiveChecksum.Sum(summed);
        BinaryPrimitives.WriteUInt16BigEndian(
            packet.AsSpan(ChecksumOffset), IsUdp && checksum == 0 ? (ushort)0xFFFF : checksum);
        return packet;
    }

    /// <summary>The packet as the kernel leaves it when it leaves the checksum to us.</summary>
    public byte[] BuildPartial()
    {
        byte[] packet = Build();
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(ChecksumOffset), PseudoHeaderSum);
        return packet;
    }

    private byte[] HeaderIPv4()
    {
        byte[] header = [
            (byte)(0x45 + OptionsIPv4.Length / 4), 0x02, .. Big(Length), .. Big(Identification), 0x40, 0, 64, Protocol, 0, 0,
            .. Source, .. Destination, .. OptionsIPv4];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)~NaiveChecksum.Sum(header));
        return header;
    }

    private byte[] HeaderIPv6()
    {
        List<byte> header = [0x60, 0x21, 0x43, 0x65, .. Big(Length - 40), Protocol, 64, .. Source, .. Destination];
        int nextHeader = 6;
        foreach ((byte type, byte[] bytes) in Extensions)
        {
            header[nextHeader] = type;
            nextHeader = header.Count;
            header.AddRange(bytes);
            header[nextHeader] = Protocol;
        }
        return [.. header];
    }

    private byte[] HeaderTcp() =>
    [
        0x1F, 0x90, 0xC0, 0x01, .. Big((int)(Sequence >> 16)), .. Big((int)Sequence), 1, 2, 3, 4,
        (byte)((5 + OptionsTcp.Length / 4) << 4), Flags, 0x20, 0x00, 0, 0, 0, 9, .. OptionsTcp,
    ];

    private byte[] HeaderUdp() => [0x00, 0x35, 0xD4, 0x31, .. Big(8 + Payload.Length), 0, 0];

    private static byte[] Big(int number) => [(byte)(number >> 8), (byte)number];
}
