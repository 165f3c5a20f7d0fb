using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests.Segmentation;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>Packets that a device gives, and what a transport message must carry of them.</summary>
internal static class SentPayload
{
    private const byte Ends = TestPacket.Ack | TestPacket.Psh | TestPacket.Fin | TestPacket.Cwr;

    public static TestPacket New(bool isIPv6, bool isUdp, int payload)
    {
        byte[] bytes = new byte[payload];
        new Random(payload).NextBytes(bytes);
        return new TestPacket { IsIPv6 = isIPv6, IsUdp = isUdp, Flags = Ends, Payload = bytes };
    }

    public static void AssertSuperpacket(SegmentationKind kind, int segmentSize, byte[] packet, byte[] payload)
    {
        Assert.Equal([2, (byte)kind, (byte)segmentSize, (byte)(segmentSize >> 8)], payload[..4]);
        AssertPadded(packet, payload[4..], payload.Length);
    }

    public static void AssertOrdinary(byte[] packet, byte[] payload)
    {
        Assert.Equal(TransportMessage.PaddedLength(packet.Length, LaneParts.Mtu), payload.Length);
        Assert.True(packet.AsSpan().SequenceEqual(payload.AsSpan(0, packet.Length)));
        Assert.DoesNotContain(payload[packet.Length..], padding => padding != 0);
    }

    private static void AssertPadded(byte[] packet, byte[] padded, int total)
    {
        Assert.Equal(0, total % 16);
        Assert.InRange(padded.Length - packet.Length, 0, 15);
        Assert.True(packet.AsSpan().SequenceEqual(padded.AsSpan(0, packet.Length)));
        Assert.DoesNotContain(padded[packet.Length..], padding => padding != 0);
    }
}
