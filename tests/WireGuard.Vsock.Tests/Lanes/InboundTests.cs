using System.Buffers.Binary;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests;
using WireGuard.Protocol.Tests.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Tun;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>What is written to the device of what an authenticated peer sends, honest or not.</summary>
public sealed class InboundTests : IDisposable
{
    private const byte Ends = TestPacket.Ack | TestPacket.Psh | TestPacket.Fin;
    private const int TypeOfService = 1, IPv4Length = 2, Protocol = 9, UdpLength = 24;

    private readonly LaneParts _lane = new(LaneParts.TakesAll);

    public void Dispose() => _lane.Dispose();

    [Theory]
    [InlineData(false, false, TestPacket.Cwr)]
    [InlineData(true, false, TestPacket.Cwr)]
    [InlineData(false, false, 0)]
    [InlineData(true, false, 0)]
    [InlineData(false, true, 0)]
    [InlineData(true, true, 0)]
    public void Superpacket_is_written_as_one_packet_that_the_kernel_cuts(bool isIPv6, bool isUdp, byte flags)
    {
        TestPacket packet = New(isIPv6, isUdp, 30_000) with { Flags = (byte)(Ends | flags) };
        // Whatever stands in the place of the checksum.
        (byte[] header, byte[] written) = Assert.Single(_lane.Receive(Superpacket(packet, 1_300, packet.Build())));
        Assert.Equal(packet.BuildPartial(), written);
        AssertHeader(packet, 1_300, packet.HeaderSize, header);
        Assert.Equal(0, _lane.Dropped);
    }

    [Theory]
    [InlineData(5_000)] // no more than there is payload
    [InlineData(5_040)] // the whole packet's length: the most that may be said
    public void Superpacket_of_one_segment_only_wants_its_checksum(int segmentSize)
    {
        TestPacket packet = New(isIPv6: false, isUdp: false, 5_000) with { Flags = Ends | TestPacket.Syn };
        (byte[] header, byte[] written) = Assert.Single(_lane.Receive(Superpacket(packet, segmentSize, packet.Build())));
        Assert.Equal(packet.BuildPartial(), written);
        AssertHeader(packet, 0, packet.HeaderSize, header);
    }

    [Fact]
    public void Longest_superpacket_is_written()
    {
        TestPacket packet = New(isIPv6: true, isUdp: false, 65_420);
        Assert.Equal(65_480, packet.Length);
        Assert.Equal(packet.BuildPartial(), Assert.Single(_lane.Receive(Superpacket(packet, 1_400, packet.Build()))).Packet);
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(true, true, false)]
    [InlineData(true, false, true)]
    [InlineData(true, true, true)]
    [InlineData(false, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    [InlineData(false, true, true)]
    public void What_the_kernel_refuses_unsegmented_is_written_segment_by_segment(bool isSuperpacket, bool isIPv6, bool isUdp)
    {
        using var lane = new LaneParts(LaneParts.TakesAll, refusesUnsegmented: true);
        var device = (TunPair.RefusingDevice)lane.Tun.Device;
        TestPacket packet = New(isIPv6, isUdp, 13_000);
        List<byte[]> segments = NaiveSegmenter.Cut(packet, 1_300);
        for (int turn = 0; turn < 2; turn++)
        {
            List<(byte[] Header, byte[] Packet)> written =
                isSuperpacket ? lane.Receive(Superpacket(packet, 1_300, packet.Build())) : lane.Receive(segments);
            Assert.Equal(segments, written.Select(one => one.Packet));
            Assert.All(written, one => Assert.Equal(TunPair.NoHeader, one.Header));
            // It is not tried again.
            Assert.Equal(1, device.Refused);
            Assert.True(lane.Inbox.IsUnsegmentedRefused);
            Assert.Equal(0, lane.Dropped);
        }
    }

    [Fact]
    public void Refused_packet_of_one_segment_is_written_with_its_whole_checksum()
    {
        using var lane = new LaneParts(LaneParts.TakesAll, refusesUnsegmented: true);
        TestPacket packet = New(isIPv6: false, isUdp: false, 5_000) with { Flags = Ends | TestPacket.Syn };
        (byte[] header, byte[] written) = Assert.Single(lane.Receive(Superpacket(packet, 5_000, packet.Build())));
        Assert.Equal(packet.Build(), written);
        Assert.Equal(TunPair.NoHeader, header);
    }

    public static TheoryData<string, int, int, int> Lies => new()
    {
        // what is changed, where in the payload, to which byte, segment size
        { "kind: none", 1, 0, 1_300 },
        { "kind: IPv6", 1, 2, 1_300 },
        { "kind: UDP", 1, 3, 1_300 },
        { "kind: unknown", 1, 4, 1_300 },
        { "kind: unknown", 1, 255, 1_300 },
        { "segment size: 0", -1, 0, 0 },
        { "segment size: too small", -1, 0, 499 },
        { "segment size: longer than the packet", -1, 0, 3_041 },
        { "segment size: the most", -1, 0, 65_535 },
        { "IP version: 5", 4, 0x55, 1_300 },
        { "IP version: 6", 4, 0x65, 1_300 },
        { "IP header too short", 4, 0x44, 1_300 },
        { "IP length: more than there is", 4 + IPv4Length, 0x0F, 1_300 },
        { "IP length: within the headers", 4 + IPv4Length, 0x00, 1_300 },
        { "fragment", 4 + 6, 0x20, 1_300 },
        { "fragment's offset", 4 + 7, 0x01, 1_300 },
        { "protocol: UDP", 4 + Protocol, 17, 1_300 },
        { "protocol: ICMP", 4 + Protocol, 1, 1_300 },
        { "TCP header too short", 4 + 32, 0x40, 1_300 },
        { "SYN", 4 + 33, 0x12, 1_300 },
        { "RST", 4 + 33, 0x14, 1_300 },
        { "URG", 4 + 33, 0x30, 1_300 },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void Superpacket_that_lies_never_reaches_the_device(string lie, int offset, int value, int segmentSize)
    {
        Assert.NotEmpty(lie);
        TestPacket packet = New(isIPv6: false, isUdp: false, 3_000);
        byte[] payload = Superpacket(packet, segmentSize, packet.Build());
        if (offset >= 0)
            payload[offset] = (byte)value;
        AssertNeverWritten(payload, DropReason.BadSuperpacket);
    }

    [Theory]
    [InlineData(0)] // the header alone
    [InlineData(19)]
    [InlineData(20)] // no TCP header
    [InlineData(39)]
    [InlineData(2_000)]
    public void Superpacket_that_is_cut_short_never_reaches_the_device(int length)
    {
        TestPacket packet = New(isIPv6: false, isUdp: false, 3_000);
        AssertNeverWritten(Superpacket(packet, 1_300, packet.Build()[..length]), DropReason.BadSuperpacket);
    }

    [Fact]
    public void Superpacket_without_payload_or_with_a_wrong_udp_length_never_reaches_the_device()
    {
        TestPacket empty = New(isIPv6: false, isUdp: false, 0) with { OptionsTcp = new byte[40], OptionsIPv4 = new byte[40] };
        AssertNeverWritten(Superpacket(empty, 500, empty.Build()), DropReason.BadSuperpacket);
        TestPacket datagram = New(isIPv6: false, isUdp: true, 3_000);
        byte[] bytes = datagram.Build();
        bytes[UdpLength] ^= 4;
        AssertNeverWritten(Superpacket(datagram, 1_300, bytes), DropReason.BadSuperpacket);
    }

    [Fact]
    public void Superpacket_from_an_address_of_another_peer_never_reaches_the_device()
    {
        byte[] packet = New(isIPv6: false, isUdp: false, 3_000).Build();
        byte[] anothers = [203, 0, 113, 7];
        anothers.CopyTo(packet, 12);
        AssertNeverWritten([2, 1, 0x14, 5, .. packet], DropReason.SourceNotAllowed);
    }

    [Theory]
    [InlineData(null, HelloFeatures.None, false)]
    [InlineData(0, HelloFeatures.None, false)]
    [InlineData(0, HelloFeatures.Tcp, false)]
    [InlineData(65_480, HelloFeatures.Udp, false)]
    [InlineData(65_480, HelloFeatures.Tcp, true)] // a kernel that takes no such UDP
    [InlineData(3_039, HelloFeatures.Tcp, false)]
    [InlineData(3_027, HelloFeatures.Udp, true)]
    public void Superpacket_that_we_have_not_said_we_take_never_reaches_the_device(int? largest, object features, bool isUdp)
    {
        using var lane = new LaneParts(largest is { } bytes ? new Hello((ushort)bytes, (HelloFeatures)features) : null);
        TestPacket packet = New(isIPv6: false, isUdp, 3_000);
        Assert.Empty(lane.Receive(Superpacket(packet, 1_300, packet.Build())));
        Assert.Equal(1, lane.Counters[DropReason.BadSuperpacket]);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Segments_of_a_batch_are_written_as_one_packet(bool isIPv6, bool isUdp)
    {
        TestPacket whole = New(isIPv6, isUdp, 30_000);
        (byte[] header, byte[] written) = Assert.Single(_lane.Receive(NaiveSegmenter.Cut(whole, 1_300)));
        Assert.Equal(whole.BuildPartial(), written);
        AssertHeader(whole, 1_300, whole.HeaderSize, header);
    }

    [Theory]
    [InlineData(HelloFeatures.ShortChecksums, true)]
    [InlineData(HelloFeatures.None, false)]
    [InlineData(null, false)]
    public void Short_checksum_ends_the_connection_unless_we_have_said_we_take_it(object? features, bool isTaken)
    {
        using var lane = new LaneParts(features is HelloFeatures says ? new Hello(0, says) : null);
        byte[] packet = New(isIPv6: false, isUdp: true, 1_000).Build();
        lane.Pair.Write(lane.Frame(packet, hasShortChecksum: true));
        lane.Inbound.OnReadable(lane.Connection, LaneParts.Now);
        Assert.Equal(isTaken ? [packet] : [], lane.Tun.Taken().Select(written => written.Packet));
        Assert.Equal(!isTaken, lane.Connection.IsFailed);
    }

    [Fact]
    public void Datagrams_are_written_one_by_one_to_a_kernel_that_cuts_none()
    {
        using var lane = new LaneParts(LaneParts.TakesAll, TunOffloads.Tcp);
        List<byte[]> segments = NaiveSegmenter.Cut(New(isIPv6: false, isUdp: true, 10_000), 1_300);
        Assert.Equal(segments, lane.Receive(segments).Select(written => written.Packet));
    }

    [Fact]
    public void Device_without_a_header_gets_single_packets()
    {
        using var lane = new LaneParts(new Hello(0, HelloFeatures.None), TunOffloads.None, hasHeader: false);
        List<byte[]> segments = NaiveSegmenter.Cut(New(isIPv6: false, isUdp: false, 10_000), 1_300);
        Assert.Equal(segments, lane.Receive(segments).Select(written => written.Packet));
        Assert.Equal(0, lane.Dropped);
    }

    [Fact]
    public void Single_packet_is_written_as_it_came_less_its_padding()
    {
        byte[] packet = New(isIPv6: false, isUdp: false, 1_001).Build();
        packet[TypeOfService] ^= 0xFF; // nor is its checksum our business
        (byte[] header, byte[] written) = Assert.Single(_lane.Receive(packet));
        Assert.Equal(packet, written);
        Assert.Equal(TunPair.NoHeader, header);
    }

    [Fact]
    public void Order_of_a_flow_holds_whatever_shape_its_packets_have()
    {
        TestPacket whole = New(isIPv6: false, isUdp: false, 26_000) with { Flags = TestPacket.Ack };
        List<byte[]> pieces = NaiveSegmenter.Cut(whole, 1_300, segmentsPerPiece: 5);
        List<byte[]> first = NaiveSegmenter.Cut(whole with { Payload = whole.Payload[..6_500] }, 1_300);
        byte[] bare = (whole with { Payload = [] }).Build();
        List<(byte[] Header, byte[] Packet)> written = _lane.Receive([
            .. first, Superpacket(whole, 1_300, pieces[1]), bare, Superpacket(whole, 1_300, pieces[2]), .. first]);
        Assert.Equal(5, written.Count);
        Assert.Equal([6_540, 6_540, 40, 6_540, 6_540], written.Select(w => w.Packet.Length));
        Assert.Equal([0, 5, 0, 10, 0], written.Select(w => BinaryPrimitives.ReadUInt16BigEndian(w.Packet.AsSpan(4)) - 0x1234));
        Assert.All(written, w => Assert.Equal(w.Packet.Length == 40, w.Header.SequenceEqual(TunPair.NoHeader)));
    }

    [Fact]
    public void More_packets_than_a_batch_of_the_device_has_places_are_written_in_order()
    {
        TestPacket whole = New(isIPv6: false, isUdp: true, 60_000);
        List<(byte[] Header, byte[] Packet)> written = _lane.Receive(NaiveSegmenter.Cut(whole, 50));
        Assert.Equal(8 + 8 + 3, written.Count); // 512 places, 64 datagrams in each packet
        Assert.Equal(whole.Payload, written.SelectMany(w => w.Packet[whole.HeaderSize..]));
        Assert.Equal(0, _lane.Dropped);
    }

    /// <summary>Any payload at all, and honest ones with a few bytes changed.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Nothing_but_sound_ip_packets_of_the_peers_reaches_the_device(int seed)
    {
        var random = new Random(seed);
        long written = 0;
        for (int turn = 0; turn < 300; turn++)
        {
            byte[][] payloads = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => RandomPayload(random))];
            foreach ((byte[] header, byte[] packet) in _lane.Receive(payloads))
            {
                written++;
                Assert.True(VirtioHeader.TryRead(header, packet, out PacketHeaders headers));
                Assert.Equal(packet.Length, headers.Length);
                Assert.False(headers.Source(packet).StartsWith((byte[])[0xCB, 0x00, 0x71]));
                if (headers.SegmentSize == 0)
                    continue;
                Assert.True(headers.NeedsOwnChecksum);
                Assert.InRange(headers.SegmentSize, 1, headers.PayloadLength - 1);
            }
        }

        Assert.True(written > 100);
        Assert.False(_lane.Connection.IsFailed);
        Assert.True(_lane.Counters[DropReason.BadSuperpacket] > 100);
        Assert.True(_lane.Counters[DropReason.SourceNotAllowed] > 100);
        Assert.Equal(0, _lane.Counters[DropReason.NotWritten]);
    }

    [Fact]
    public void Steady_traffic_allocates_nothing()
    {
        TestPacket whole = New(isIPv6: false, isUdp: false, 30_000);
        byte[][] turns = [.. Enumerable.Range(0, 9).Select(_ => (byte[])
        [
            .. _lane.Frame(Superpacket(whole, 1_300, whole.Build())),
            .. NaiveSegmenter.Cut(whole, 1_300).SelectMany(_lane.Frame),
            .. _lane.Frame(New(isIPv6: true, isUdp: true, 100).Build()),
            .. _lane.Frame([]),
            .. _lane.Frame([2, 9, 9, 9]),
        ])];
        byte[] record = new byte[TunDevice.MaxRead];
        int records = 0, next = 0;
        void Turn()
        {
            byte[] frames = turns[next++];
            // In two parts: the first ends within a frame.
            Sys.Send(_lane.Pair.Far, frames.AsSpan(0, 40_000), 0);
            _lane.Inbound.OnReadable(_lane.Connection, LaneParts.Now);
            Sys.Send(_lane.Pair.Far, frames.AsSpan(40_000), 0);
            _lane.Inbound.OnReadable(_lane.Connection, LaneParts.Now);
            while (_lane.Tun.Take(record) > 0)
                records++;
        }

        // By then the session has carried so much that it has its replay ring.
        while (next < 3)
            Turn();
        Assert.Equal(0, Allocations.Of(Turn));
        while (next < turns.Length)
            Turn();
        Assert.Equal(turns.Length * 4, records); // the segments come in two batches
        Assert.Equal(turns.Length, _lane.Dropped);
    }

    private static byte[] RandomPayload(Random random)
    {
        if (random.Next(4) == 0)
        {
            byte[] any = new byte[random.Next(3_000)];
            random.NextBytes(any);
            if (any.Length != 0)
                any[0] = (byte)random.Next(8);
            return any;
        }

        TestPacket packet = New(random.Next(2) == 0, random.Next(2) == 0, random.Next(1, 6_000));
        packet = packet with { Flags = (byte)random.Next(256) };
        byte[] payload = packet.Build();
        if (random.Next(2) == 0)
            payload = Superpacket(packet, random.Next(400, 3_000), payload);
        for (int changes = random.Next(3); changes > 0; changes--)
            payload[random.Next(Math.Min(payload.Length, 70))] = (byte)random.Next(256);
        return random.Next(8) == 0 ? payload[..random.Next(payload.Length)] : payload;
    }

    private static TestPacket New(bool isIPv6, bool isUdp, int payload)
    {
        byte[] bytes = new byte[payload];
        new Random(payload).NextBytes(bytes);
        return new TestPacket { IsIPv6 = isIPv6, IsUdp = isUdp, Flags = Ends, Payload = bytes };
    }

    private static byte[] Superpacket(TestPacket packet, int segmentSize, byte[] bytes) =>
        [2, (byte)packet.Kind, (byte)segmentSize, (byte)(segmentSize >> 8), .. bytes];

    /// <summary>What the kernel is told: as it would tell us, and how long the headers are.</summary>
    private static void AssertHeader(TestPacket packet, int segmentSize, int headerLength, byte[] header)
    {
        byte[] expected = TunPair.Header(packet, segmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(expected.AsSpan(2), (ushort)headerLength);
        Assert.Equal(expected, header);
    }

    private void AssertNeverWritten(byte[] payload, DropReason reason)
    {
        byte[] honest = New(isIPv6: false, isUdp: true, 10).Build();
        (byte[] _, byte[] written) = Assert.Single(_lane.Receive(payload, honest));
        Assert.Equal(honest, written);
        long dropped = _lane.Dropped;
        Assert.Equal(dropped, _lane.Counters[reason]);
        Assert.True(dropped > 0);
    }
}
