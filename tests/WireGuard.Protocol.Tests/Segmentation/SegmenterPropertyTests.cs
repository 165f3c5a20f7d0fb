using CsCheck;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>Any packet, any segment size; and what becomes of packets that are no such thing.</summary>
public sealed class SegmenterPropertyTests
{
    private static readonly Gen<(TestPacket Packet, int SegmentSize, int SegmentsPerPiece)> GenCut = Gen.Select(
        TestPacket.Generate(maxPayload: 9_000), Gen.Int[1, 3_000], Gen.Int[1, 4],
        (packet, segmentSize, segments) => (packet, Math.Max(segmentSize, packet.Payload.Length / 50), segments));

    [Fact]
    public void Segments_are_those_of_the_naive_segmenter() => GenCut.Sample(cut => Assert.Equal(
        NaiveSegmenter.Cut(cut.Packet, cut.SegmentSize, cut.SegmentsPerPiece),
        SegmenterTests.Cut(cut.Packet.BuildPartial(), cut.Packet.Kind, cut.SegmentSize, cut.SegmentsPerPiece)));

    [Fact]
    public void Payloads_of_valid_segments_add_up_to_the_payload() => GenCut.Sample(cut =>
    {
        List<byte> payload = [];
        foreach (byte[] segment in SegmenterTests.Cut(cut.Packet.BuildPartial(), cut.Packet.Kind, cut.SegmentSize))
        {
            Assert.True(PacketHeaders.TryRead(segment, out PacketHeaders headers));
            Assert.Equal(segment.Length, headers.Length);
            Assert.True(TransportChecksum.IsValid(segment, headers));
            Assert.True(headers.IsIPv6 || InternetChecksum.Sum(segment.AsSpan(0, headers.TransportOffset)) == 0xFFFF);
            payload.AddRange(segment[headers.PayloadOffset..]);
        }
        Assert.Equal(cut.Packet.Payload, payload);
    });

    [Fact]
    public void Checksum_that_was_there_does_not_matter() => Gen.Select(GenCut, Gen.UShort).Sample((cut, checksum) =>
    {
        byte[] packet = cut.Packet.BuildPartial();
        packet[cut.Packet.ChecksumOffset] = (byte)checksum;
        packet[cut.Packet.ChecksumOffset + 1] = (byte)(checksum >> 8);
        if (!cut.Packet.IsIPv6)
            packet[10] = packet[11] = (byte)checksum;
        Assert.Equal(
            NaiveSegmenter.Cut(cut.Packet, cut.SegmentSize), SegmenterTests.Cut(packet, cut.Packet.Kind, cut.SegmentSize));
    });

    /// <summary>Every span is as long as it may be and no longer, so a step outside would throw.</summary>
    [Fact]
    public void Lying_packets_neither_throw_nor_reach_outside() => Gen.Select(
        TestPacket.Generate(maxPayload: 600),
        Gen.Select(Gen.Int[0, 110], Gen.Byte).Array[1, 4],
        Gen.Bool.Select(Gen.Int[-40, 40], (isWhole, growth) => isWhole ? 0 : growth),
        Gen.Select(Gen.Int[-1, 700], Gen.Int[0, 5], Gen.UShort))
        .Sample((packet, mutations, growth, cut) =>
        {
            byte[] bytes = packet.BuildPartial();
            foreach ((int at, byte value) in mutations)
                bytes[at % bytes.Length] = value;
            Array.Resize(ref bytes, Math.Max(0, bytes.Length + growth));
            (int segmentSize, int kind, ushort claimed) = cut;
            UseAll(bytes, (SegmentationKind)kind, segmentSize);
            UseAll(bytes, packet.Kind, segmentSize);

            byte[] payload = [0x02, (byte)packet.Kind, (byte)claimed, (byte)(claimed >> 8 & 3), .. bytes];
            if (Superpacket.TryRead(payload, out PacketHeaders superpacket))
            {
                Assert.True(superpacket.SegmentSize == 0 || superpacket.SegmentSize >= Superpacket.MinSegmentSize);
                Assert.InRange(superpacket.SegmentSize, 0, superpacket.PayloadLength - 1);
                UseAll(bytes[..superpacket.Length], superpacket.Kind, superpacket.SegmentSize);
            }
        }, iter: 20_000);

    [Fact]
    public void Random_bytes_neither_throw_nor_reach_outside() => Gen.Byte.Array[0, 200].Sample(bytes =>
    {
        if (bytes.Length > 0)
            bytes[0] = (byte)((bytes[0] & 1) == 0 ? 0x45 : 0x60);
        UseAll(bytes, SegmentationKind.Udp, 20);
        Superpacket.TryRead(bytes, out _);
        Hello.TryRead(bytes, out _);
    });

    private static void UseAll(byte[] bytes, SegmentationKind kind, int segmentSize)
    {
        if (PacketHeaders.TryRead(bytes, out PacketHeaders headers) && headers.Kind != SegmentationKind.None)
        {
            Assert.InRange(headers.Length, headers.PayloadOffset, bytes.Length);
            Assert.InRange(headers.PayloadOffset, headers.ChecksumOffset + 2, headers.TransportOffset + 60);
            TransportChecksum.IsValid(bytes, headers);
            byte[] partial = [.. bytes];
            TransportChecksum.WritePartial(partial, headers);
            Assert.True(TransportChecksum.Complete(
                partial.AsSpan(0, headers.Length), headers.TransportOffset, headers.ChecksumOffset - headers.TransportOffset));
            Assert.True(TransportChecksum.IsValid(partial, headers));
        }
        if (!SegmenterTests.TryBegin(bytes, kind, segmentSize, out Segmenter segmenter))
            return;
        for (int i = 0; i < segmenter.Count; i++)
        {
            byte[] piece = new byte[segmenter.LengthOf(i)];
            segmenter.Write(i, piece);
            Assert.True(PacketHeaders.TryRead(piece, out PacketHeaders ofPiece));
            Assert.True(TransportChecksum.IsValid(piece, ofPiece));
        }
    }
}
