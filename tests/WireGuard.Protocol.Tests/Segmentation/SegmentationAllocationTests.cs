using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>What is called once a packet leaves no garbage.</summary>
public sealed class SegmentationAllocationTests
{
    [Fact]
    public void Nothing_is_allocated_to_cut_a_packet_or_to_read_a_superpacket()
    {
        byte[] packet = new TestPacket { IsIPv6 = true, Payload = new byte[60_000] }.BuildPartial();
        byte[] payload = [0, 0, 0, 0, .. packet];
        byte[] room = new byte[1_500];
        int written = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            Superpacket.WriteHeader(payload, SegmentationKind.TcpIPv6, 1_380);
            Assert.True(Superpacket.TryRead(payload, out PacketHeaders headers));
            Span<byte> inner = payload.AsSpan(Superpacket.HeaderSize, headers.Length);
            TransportChecksum.WritePartial(inner, headers);
            Assert.True(TransportChecksum.Complete(inner, 40, 16));
            Assert.True(TransportChecksum.IsValid(inner, headers));
            Assert.True(PacketHeaders.TryRead(packet, out headers));
            Assert.True(Segmenter.TryBegin(packet, headers, 1_380, out Segmenter segmenter));
            for (int i = 0; i < segmenter.Count; i++)
                written += segmenter.Write(i, room);
        }));
        Assert.Equal(2 * (60_000 + 44 * 60), written);
    }

    [Fact]
    public void Nothing_is_allocated_to_ask_what_a_peer_takes()
    {
        var hello = new Hello(Superpacket.LargestAccepted, HelloFeatures.Tcp);
        Assert.Equal(0, Allocations.Of(() =>
        {
            Assert.True(hello.Takes(SegmentationKind.TcpIPv6));
            Assert.False(hello.Takes(SegmentationKind.Udp));
        }));
    }
}
