using System.Buffers.Binary;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests;
using WireGuard.Protocol.Tests.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;

using static WireGuard.Vsock.Tests.Lanes.SentPayload;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>What the far end reads of what the device gives.</summary>
public sealed class OutboundTests : IDisposable
{
    private const long Now = LaneParts.Now;

    private readonly LaneParts _lane = new();

    public void Dispose() => _lane.Dispose();

    [Theory]
    [InlineData("no way")]
    [InlineData("something is staged already")]
    [InlineData("the session has ended")]
    public void What_cannot_be_sent_now_is_staged_as_segments(string why)
    {
        Says(LaneParts.TakesAll);
        Peer peer = _lane.Tunnel.Peer;
        long nowMs = Now;
        switch (why)
        {
            case "no way":
                peer.Destination = null;
                break;
            case "something is staged already":
                peer.Stage([1], lane: 0);
                Assert.Single(peer.Staged.TakeAll(lane: 0));
                peer.Stage([1], lane: 0);
                break;
            default:
                nowMs += Limits.RejectAfterTimeMs;
                break;
        }

        TestPacket packet = New(isIPv6: false, isUdp: false, 13_000);
        _lane.Tun.Give(packet, 1_300);
        TestPacket single = New(isIPv6: false, isUdp: true, 100);
        _lane.Tun.Give(single, 0);
        Assert.Empty(_lane.Send(nowMs));
        IEnumerable<byte[]> staged = peer.Staged.TakeAll(lane: 0).Where(bytes => bytes.Length > 1);
        Assert.Equal([.. NaiveSegmenter.Cut(packet, 1_300), single.Build()], staged);
        Assert.True(_lane.Inbox.TryTake(out Peer? told));
        Assert.Equal(PeerSignals.HasStaged, told.TakeSignals());
        Assert.Equal(0, _lane.Dropped);
    }

    [Theory]
    // flags, GSO type, GSO size, checksum's start and offset
    [InlineData(1, 4, 1_300, 20, 16)] // TCP over IPv6
    [InlineData(1, 5, 1_300, 20, 6)] // UDP
    [InlineData(1, 3, 1_300, 20, 16)] // UDP fragments
    [InlineData(1, 9, 1_300, 20, 16)]
    [InlineData(1, 1, 0, 20, 16)]
    [InlineData(0, 1, 1_300, 20, 16)]
    [InlineData(1, 1, 1_300, 0, 16)]
    [InlineData(1, 1, 1_300, 65_535, 16)]
    [InlineData(1, 1, 1_300, 20, 65_535)]
    [InlineData(1, 0, 0, 65_535, 65_535)]
    [InlineData(1, 0, 0, 3_039, 1)] // its last byte is behind the packet
    public void Packet_whose_device_header_lies_is_dropped_and_counted(int flags, int type, int size, int start, int offset)
    {
        Says(LaneParts.TakesAll);
        TestPacket packet = New(isIPv6: false, isUdp: false, 3_000);
        _lane.Tun.Give(TunPair.Header(flags, type, size, start, offset), packet.BuildPartial());
        _lane.Tun.Give(packet, 1_300);
        AssertSuperpacket(packet.Kind, 1_300, packet.BuildPartial(), Assert.Single(_lane.Send()));
        Assert.Equal(1, _lane.Counters[DropReason.NotAnIpPacket]);
    }

    [Theory]
    [InlineData(1, 20)]
    [InlineData(9, 20)]
    [InlineData(10, 20)] // nothing behind the header
    [InlineData(20, 20)]
    [InlineData(200, 199)] // shorter than it says
    public void What_is_no_packet_is_dropped_and_counted(int length, int says)
    {
        byte[] record = new byte[length];
        if (length > VirtioHeader.Size + 4)
            BinaryPrimitives.WriteUInt32BigEndian(record.AsSpan(VirtioHeader.Size), 0x45000000u | (uint)says);
        Assert.Equal(length, Sys.Send(_lane.Tun.Far, record, 0));
        TestPacket packet = New(isIPv6: false, isUdp: true, 10);
        _lane.Tun.Give(packet, 0);
        AssertOrdinary(packet.Build(), Assert.Single(_lane.Send()));
        Assert.Equal(1, _lane.Counters[DropReason.NotAnIpPacket]);
    }

    [Fact]
    public void Unsegmented_packet_that_does_not_end_where_it_says_is_dropped_and_counted()
    {
        Says(LaneParts.TakesAll);
        TestPacket packet = New(isIPv6: false, isUdp: false, 3_000);
        _lane.Tun.Give(TunPair.Header(packet, 1_300), [.. packet.BuildPartial(), 0]);
        Assert.Empty(_lane.Send());
        Assert.Equal(1, _lane.Counters[DropReason.NotAnIpPacket]);
    }

    [Fact]
    public void Packet_that_is_nobodys_is_dropped_and_counted()
    {
        _lane.Published.Snapshot = _lane.Published.Snapshot with { Routes = Protocol.Routing.AllowedIps<Peer>.Empty };
        _lane.Tun.Give(New(isIPv6: false, isUdp: false, 3_000), 1_300);
        _lane.Tun.Give(New(isIPv6: true, isUdp: false, 3_000), 1_300);
        Assert.Empty(_lane.Send());
        Assert.Equal(2, _lane.Counters[DropReason.NoPeerForPacket]);
    }

    [Fact]
    public void Packet_that_the_kernel_could_not_describe_does_not_end_the_device()
    {
        // To read from an epoll is EINVAL, again and again.
        using var queue = new FileDescriptor(Sys.EpollCreate());
        var device = new TunDevice("test", [queue], hasHeader: true, TunOffloads.Tcp);
        var counters = new LaneCounters();
        using var aead = new Protocol.Crypto.Aead();
        using var batch = new OutboundBatch(aead, isStream: true, _lane.Inbox, counters, lane: 0);
        using var outbound = new Outbound(new TunQueue(device, 0), batch, _lane.Published, _lane.Inbox, counters);
        Assert.True(outbound.OnReadable(null, Now));
        Assert.InRange(counters[DropReason.NotAnIpPacket], 2, 1_000);
    }

    [Fact]
    public void Device_without_a_header_gives_ordinary_packets()
    {
        using var lane = new LaneParts(hasHeader: false);
        lane.Tunnel.Keypair.RemoteHello = LaneParts.TakesAll;
        byte[] first = New(isIPv6: false, isUdp: false, 3_000).Build(), second = New(isIPv6: true, isUdp: true, 60_000).Build();
        lane.Tun.Give([], first);
        lane.Tun.Give([], second);
        List<byte[]> sent = lane.Send();
        Assert.Equal(2, sent.Count);
        AssertOrdinary(first, sent[0]);
        AssertOrdinary(second, sent[1]);
    }

    [Fact]
    public void Packets_of_a_flow_keep_their_order_whichever_way_they_go()
    {
        Says(LaneParts.TakesAll);
        List<(bool IsSuperpacket, byte[] Packet)> expected = [];
        for (int i = 0; i < 4; i++)
        {
            TestPacket whole = New(isIPv6: false, isUdp: true, 20_000 + i), small = New(isIPv6: false, isUdp: true, 4_000 + i);
            TestPacket single = New(isIPv6: false, isUdp: true, 100 + i);
            _lane.Tun.Give(whole, 1_300);
            _lane.Tun.Give(small, 400);
            _lane.Tun.Give(single, 0);
            expected.Add((true, whole.BuildPartial()));
            expected.AddRange(NaiveSegmenter.Cut(small, 400).Select(segment => (false, segment)));
            expected.Add((false, single.Build()));
        }

        List<byte[]> sent = _lane.Send();
        Assert.Equal(expected.Count, sent.Count);
        Assert.All(expected.Zip(sent), pair =>
        {
            if (pair.First.IsSuperpacket)
                AssertSuperpacket(SegmentationKind.Udp, 1_300, pair.First.Packet, pair.Second);
            else
                AssertOrdinary(pair.First.Packet, pair.Second);
        });
    }

    [Fact]
    public void What_was_staged_leaves_before_what_is_read_next_whenever_control_says_so()
    {
        List<byte[]> expected = [];
        void Give()
        {
            byte[] packet = New(isIPv6: false, isUdp: true, 100 + expected.Count).Build();
            expected.Add(packet);
            _lane.Tun.Give(TunPair.NoHeader, packet);
        }

        void Read() => Assert.True(_lane.Outbound.OnReadable(null, Now));

        Peer peer = _lane.Tunnel.Peer;
        Destination destination = peer.Destination!;
        Give();
        Read();
        peer.Destination = null;
        Give();
        Read();
        Give();
        Read();
        peer.Destination = destination;
        // The session is there, and control has not yet come to say so.
        Give();
        Read();
        Assert.True(peer.Staged.TryAsk(out _));
        Give();
        Read();
        _lane.Outbound.SendStaged(peer, null, Now);
        // Staged packets are in the lane's batch, and not sent.
        Assert.True(peer.Staged.IsEmpty);
        Give();
        List<byte[]> sent = _lane.Send();
        Assert.Equal(expected.Count, sent.Count);
        Assert.All(expected.Zip(sent), pair => AssertOrdinary(pair.First, pair.Second));
    }

    [Fact]
    public void What_a_full_connection_would_drop_is_not_sealed()
    {
        TestPacket packet = New(isIPv6: false, isUdp: false, 30_000);
        Says(LaneParts.TakesAll);
        while (!_lane.Connection.IsQueueFull)
        {
            _lane.Tun.Give(packet, 1_300);
            Assert.True(_lane.Outbound.OnReadable(null, Now));
        }

        ulong next = _lane.Tunnel.Keypair.NextCounter;
        long dropped = _lane.Tunnel.Peer.DroppedPackets;
        _lane.Tun.Give(packet, 1_300);
        Assert.True(_lane.Outbound.OnReadable(null, Now));
        Assert.Equal(next, _lane.Tunnel.Keypair.NextCounter);
        Assert.Equal(dropped + 1, _lane.Tunnel.Peer.DroppedPackets);
        Assert.NotEmpty(_lane.Send());
        _lane.Tun.Give(packet, 1_300);
        Assert.NotEmpty(_lane.Send());
    }

    [Fact]
    public void What_still_cannot_be_sent_is_staged_again_in_its_order()
    {
        Peer peer = _lane.Tunnel.Peer;
        for (byte i = 1; i <= 5; i++)
            peer.Stage([i], lane: 0);
        peer.Destination = null;
        _lane.Outbound.SendStaged(peer, null, Now);
        Assert.Equal([1, 2, 3, 4, 5], peer.Staged.TakeAll(lane: 0).Select(packet => (int)packet[0]));
        Assert.True(_lane.Inbox.TryTake(out Peer? told));
        Assert.Equal(PeerSignals.HasStaged, told.TakeSignals());
        Assert.Equal(0, _lane.Dropped);
    }

    [Fact]
    public void Steady_traffic_allocates_nothing()
    {
        TestPacket whole = New(isIPv6: false, isUdp: false, 30_000);
        TestPacket tooLong = whole with { Payload = new byte[65_450] };
        byte[][] records =
        [
            [.. TunPair.Header(whole, 1_300), .. whole.BuildPartial()], // one superpacket
            [.. TunPair.Header(whole, 400), .. whole.BuildPartial()], // segments
            [.. TunPair.Header(tooLong, 1_300), .. tooLong.BuildPartial()], // a superpacket and what is left
            [.. TunPair.NoHeader, .. New(isIPv6: true, isUdp: true, 1_000).Build()],
        ];
        Says(LaneParts.TakesAll);
        byte[] received = new byte[256 * 1024];
        void Turn()
        {
            foreach (byte[] record in records)
            {
                Sys.Send(_lane.Tun.Far, record, 0);
                _lane.Outbound.OnReadable(null, Now);
                while (Sys.Recv(_lane.Pair.Far, received, 0) > 0)
                    _lane.Connection.OnWritable(0, Now);
            }
        }

        Turn();
        Assert.Equal(0, Allocations.Of(Turn));
        long sent = _lane.Tunnel.Peer.SentBytes;
        Turn();
        Assert.InRange(_lane.Tunnel.Peer.SentBytes - sent, 120_000, 200_000);
        Assert.Equal(0, _lane.Dropped);
    }

    private void Says(Hello hello) => _lane.Tunnel.Keypair.RemoteHello = hello;
}
