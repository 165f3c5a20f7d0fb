using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests.Segmentation;
using WireGuard.Vsock.Interop;

using static WireGuard.Vsock.Tests.Lanes.SentPayload;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>Which packets leave as superpackets, which as segments, and whose checksums are completed before.</summary>
public sealed class OutboundSuperpacketTests : IDisposable
{
    private const long Now = LaneParts.Now;

    private readonly LaneParts _lane = new();

    public void Dispose() => _lane.Dispose();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Unsegmented_packet_goes_as_one_superpacket_to_who_takes_it(bool isIPv6, bool isUdp)
    {
        Says(LaneParts.TakesAll);
        TestPacket packet = New(isIPv6, isUdp, 30_000);
        _lane.Tun.Give(packet, 1_300);
        AssertSuperpacket(packet.Kind, 1_300, packet.BuildPartial(), Assert.Single(_lane.Send()));
        Assert.Equal(0, _lane.Dropped);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Peer_that_has_not_said_hello_gets_segments(bool isIPv6, bool isUdp)
    {
        TestPacket packet = New(isIPv6, isUdp, 30_000);
        _lane.Tun.Give(packet, 1_300);
        AssertSegments(packet, 1_300);
    }

    [Theory]
    [InlineData(true, true, FrameStatus.BadChecksum)]
    [InlineData(false, true, FrameStatus.Complete)]
    [InlineData(true, false, FrameStatus.Complete)]
    public void Checksum_is_short_where_that_is_taken_and_whole_everywhere_else(
        bool isTakenOnConnection, bool isTakenUnderKeypair, FrameStatus asWhole)
    {
        // On a new connection there may be another program at the far end; and on the same one, behind a relay.
        if (isTakenUnderKeypair)
            Says(new Hello(0, HelloFeatures.ShortChecksums));
        if (isTakenOnConnection)
            _lane.Connection.NoteProven(takesShortChecksums: true);
        _lane.Tun.Give(TunPair.NoHeader, New(isIPv6: false, isUdp: true, 1_000).Build());
        Assert.True(_lane.Outbound.OnReadable(null, Now));
        byte[] frame = _lane.Pair.ReadBytes();
        Assert.Equal(asWhole, FrameCodec.TryRead(frame, out _, takesShort: false));
        Assert.Equal(FrameStatus.Complete, FrameCodec.TryRead(frame, out _, takesShort: true));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Connection_that_is_not_proven_gets_segments_and_whole_checksums_whatever_the_keypair_says(bool isUdp)
    {
        using var lane = new LaneParts(isProven: false);
        lane.Tunnel.Keypair.RemoteHello =
            LaneParts.TakesAll with { Features = LaneParts.TakesAll.Features | HelloFeatures.ShortChecksums };
        lane.Tun.Give(New(isIPv6: false, isUdp, 13_000), 1_300);
        Assert.True(lane.Outbound.OnReadable(null, Now));
        Assert.Equal(10, lane.Pair.ReadMessages(takesShort: false).Count);
        lane.Connection.NoteProven(takesShortChecksums: true);
        lane.Tun.Give(New(isIPv6: false, isUdp, 13_000), 1_300);
        Assert.Single(lane.Send());
    }

    [Theory]
    // largest superpacket, features, UDP, segment size
    [InlineData(0, 3, false, 1_300)]
    [InlineData(65_480, 0, false, 1_300)]
    [InlineData(65_480, 1, true, 1_300)]
    [InlineData(65_480, 2, false, 1_300)]
    [InlineData(65_480, 0xFFFF_FFFC, true, 1_300)]
    [InlineData(65_480, 3, false, 499)]
    [InlineData(65_480, 3, true, 40)]
    [InlineData(2_600, 3, false, 1_300)] // two segments are longer with their headers
    [InlineData(1, 3, false, 1_300)]
    public void What_a_peer_does_not_take_goes_as_segments(int largest, uint features, bool isUdp, int segmentSize)
    {
        Says(new Hello((ushort)largest, (HelloFeatures)features));
        TestPacket packet = New(isIPv6: false, isUdp, segmentSize * 20);
        _lane.Tun.Give(packet, segmentSize);
        AssertSegments(packet, segmentSize);
    }

    [Theory]
    [InlineData(TestPacket.Syn)]
    [InlineData(TestPacket.Rst)]
    [InlineData(TestPacket.Urg)]
    public void What_no_reader_of_superpackets_takes_goes_as_segments(byte flag)
    {
        Says(LaneParts.TakesAll);
        TestPacket packet = New(isIPv6: false, isUdp: false, 3_000) with { Flags = (byte)(TestPacket.Ack | flag) };
        _lane.Tun.Give(packet, 1_300);
        AssertSegments(packet, 1_300);
    }

    [Fact]
    public void Segment_size_of_more_than_there_is_is_not_passed_on()
    {
        Says(LaneParts.TakesAll);
        TestPacket packet = New(isIPv6: false, isUdp: false, 3_000);
        _lane.Tun.Give(packet, 65_000);
        AssertSuperpacket(packet.Kind, 3_000, packet.BuildPartial(), Assert.Single(_lane.Send()));
    }

    [Theory]
    // UDP, largest superpacket, payload, segment size, segments in each piece
    [InlineData(false, 2_700, 13_000, 1_300, 2)]
    [InlineData(true, 2_700, 13_000, 1_300, 2)]
    [InlineData(false, 16_000, 60_000, 1_300, 12)]
    [InlineData(true, 16_000, 60_000, 1_300, 12)]
    [InlineData(false, 65_480, 65_470, 1_300, 50)] // no frame carries it in one
    [InlineData(false, 65_535, 65_495, 500, 130)]
    [InlineData(true, 65_535, 65_470, 500, 64)] // so many datagrams Linux took before 6.10
    [InlineData(true, 65_480, 33_000, 500, 64)]
    [InlineData(true, 65_480, 64_001, 1_000, 64)]
    [InlineData(false, 15_640, 15_601, 1_300, 12)] // one byte is left in the end
    [InlineData(true, 15_628, 15_601, 1_300, 12)]
    [InlineData(false, 16_000, 17_000, 1_300, 12)] // a segment and a bit is
    public void Packet_longer_than_the_peer_takes_goes_as_several_superpackets(
        bool isUdp, int largest, int payload, int segmentSize, int perPiece)
    {
        Says(LaneParts.TakesAll with { LargestSuperpacket = (ushort)largest });
        TestPacket packet = New(isIPv6: false, isUdp, payload);
        _lane.Tun.Give(packet, segmentSize);
        List<byte[]> sent = _lane.Send();
        List<byte[]> pieces = NaiveSegmenter.Cut(packet, segmentSize, perPiece);
        Assert.True(pieces.Count > 1);
        Assert.Equal(pieces.Count, sent.Count);
        Assert.All(pieces.Zip(sent), pair =>
        {
            Assert.True(pair.First.Length <= largest);
            if (pair.First.Length - packet.HeaderSize <= segmentSize)
            {
                AssertOrdinary(pair.First, pair.Second);
                return;
            }

            AssertSuperpacket(packet.Kind, segmentSize, pair.First, pair.Second);
            Assert.True(Superpacket.TryRead(pair.Second, out _));
        });
        Assert.Equal(0, _lane.Dropped);
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(4_056)] // one byte less than goes unsummed
    public void Checksum_that_the_kernel_left_to_do_is_completed(int payload)
    {
        Says(LaneParts.TakesAll);
        foreach (bool isUdp in new[] { false, true })
        {
            TestPacket packet = New(isIPv6: false, isUdp, payload + (isUdp ? 11 : -1));
            Assert.True(packet.Length < 4_096);
            _lane.Tun.Give(packet, 0);
            AssertOrdinary(packet.Build(), Assert.Single(_lane.Send()));
        }
    }

    [Fact]
    public void Long_packet_that_is_not_to_be_cut_goes_unsummed_as_a_superpacket_of_one_segment()
    {
        TestPacket packet = New(isIPv6: true, isUdp: false, 4_096 - 60);
        Assert.Equal(4_096, packet.Length);
        _lane.Tun.Give(packet, 0);
        AssertOrdinary(packet.Build(), Assert.Single(_lane.Send()));

        Says(LaneParts.TakesAll);
        _lane.Tun.Give(packet, 0);
        AssertSuperpacket(packet.Kind, packet.Payload.Length, packet.BuildPartial(), Assert.Single(_lane.Send()));
        // The whole of the checksum is there: so nothing would be gained.
        _lane.Tun.Give(TunPair.NoHeader, packet.Build());
        AssertOrdinary(packet.Build(), Assert.Single(_lane.Send()));
    }

    [Fact]
    public void Checksum_of_an_inner_packet_is_completed_here_since_the_far_end_does_the_outer_one()
    {
        Says(LaneParts.TakesAll);
        TestPacket inner = New(isIPv6: false, isUdp: false, 5_000);
        TestPacket outer = New(isIPv6: false, isUdp: true, 0) with { Payload = inner.BuildPartial() };
        int start = outer.HeaderSize + inner.TransportOffset;
        byte[] header = TunPair.Header(
            Libc.VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0, start, inner.ChecksumOffset - inner.TransportOffset);
        byte[] given = outer.Build();
        _lane.Tun.Give(header, given);
        inner.Build().CopyTo(given, outer.HeaderSize);
        AssertOrdinary(given, Assert.Single(_lane.Send()));
    }

    private void Says(Hello hello) => _lane.Tunnel.Keypair.RemoteHello = hello;

    private void AssertSegments(TestPacket packet, int segmentSize)
    {
        List<byte[]> sent = _lane.Send();
        List<byte[]> segments = NaiveSegmenter.Cut(packet, segmentSize);
        Assert.Equal(segments.Count, sent.Count);
        Assert.All(segments.Zip(sent), pair => AssertOrdinary(pair.First, pair.Second));
        Assert.Equal(0, _lane.Dropped);
    }
}
