using System.Buffers.Binary;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Lanes;

namespace WireGuard.Vsock.Tests.Lanes;

public sealed class OuterDatagramTests
{
    private const ushort Port = 51820;
    private static readonly byte[] Message = [4, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, .. new byte[24]];

    public static TheoryData<string, bool> Packets => new()
    {
        { "IPv4", true },
        { "IPv4 with options", true },
        { "IPv4, first fragment", true },
        { "IPv6", true },
        { "IPv6 with options", true },
        { "IPv6, first fragment", true },
        { "IPv4, second fragment", false },
        { "IPv6, second fragment", false },
        { "IPv4, TCP", false },
        { "IPv6, TCP", false },
        { "IPv6, TCP in a first fragment", false },
    };

    [Theory]
    [MemberData(nameof(Packets))]
    public void Message_of_ours_is_read_where_it_lies(string kind, bool expected)
    {
        byte[] packet = Build(kind, Port);
        Assert.Equal(expected, TryRead(packet, out OuterDatagram datagram));
        Assert.False(TryRead(Build(kind, Port + 1), out _));
        if (!expected)
            return;
        Assert.Equal(MessageType.Transport, datagram.Type);
        Assert.Equal(0x12345678u, datagram.Index);
        Assert.Equal([0xAB, 0xCD], datagram.Port.ToArray());
        bool isIPv6 = kind.StartsWith("IPv6", StringComparison.Ordinal);
        Assert.Equal(Enumerable.Repeat((byte)7, isIPv6 ? 16 : 4), datagram.Address.ToArray());
        // However short, nothing is read past its end.
        int whole = packet.Length - Message.Length + 8;
        for (int length = isIPv6 ? 40 : (packet[0] & 0xF) * 4; length < packet.Length; length++)
        {
            Assert.Equal(length >= whole, TryRead(WithLength(packet[..length]), out _));
        }
    }

    private static bool TryRead(byte[] packet, out OuterDatagram datagram)
    {
        Assert.True(PacketHeaders.TryRead(packet, out PacketHeaders headers));
        return OuterDatagram.TryRead(packet, headers, Port, out datagram);
    }

    private static byte[] WithLength(byte[] packet)
    {
        if (packet[0] >> 4 == 4)
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        else
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(packet.Length - 40));
        return packet;
    }

    private static byte[] Build(string kind, ushort from)
    {
        byte[] udp = [0, 0, 0xAB, 0xCD, 0, (byte)(8 + Message.Length), 0, 0, .. Message];
        BinaryPrimitives.WriteUInt16BigEndian(udp, from);
        byte protocol = kind.Contains("TCP", StringComparison.Ordinal) ? (byte)6 : (byte)17;
        byte offset = kind.Contains("second", StringComparison.Ordinal) ? (byte)1 : (byte)0;
        bool isFragment = kind.Contains("fragment", StringComparison.Ordinal);
        byte[] to = [.. Enumerable.Repeat((byte)7, 16)], us = [.. Enumerable.Repeat((byte)9, 16)];
        if (kind.StartsWith("IPv4", StringComparison.Ordinal))
        {
            byte[] options = kind.Contains("options", StringComparison.Ordinal) ? [1, 1, 1, 0] : [];
            byte flags = isFragment && offset == 0 ? (byte)0x20 : (byte)0;
            byte[] start = [(byte)(0x45 + (options.Length / 4)), 0, 0, 0, 0, 0, flags, offset, 64, protocol, 0, 0];
            return WithLength([.. start, .. us[..4], .. to[..4], .. options, .. udp]);
        }

        byte[] extension = isFragment ? [protocol, 0, 0, (byte)((offset << 3) | 1), 0, 0, 0, 0]
            : kind.Contains("options", StringComparison.Ordinal) ? [protocol, 0, 1, 4, 0, 0, 0, 0] : [];
        byte first = isFragment ? (byte)44 : extension.Length != 0 ? (byte)60 : protocol;
        return WithLength([0x60, 0, 0, 0, 0, 0, first, 64, .. us, .. to, .. extension, .. udp]);
    }
}
