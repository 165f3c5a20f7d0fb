using System.Buffers.Binary;
using CsCheck;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests.Segmentation;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>
/// From one device through both lanes to the other: whichever way packets go, once they are cut and summed they are what went in.
/// </summary>
public sealed class RoundTripTests
{
    private static readonly Gen<Hello?> s_hellos = Gen.OneOf(
        Gen.Const((Hello?)null),
        Gen.Const((Hello?)LaneParts.TakesAll),
        Gen.Int[0, 65_535].Select(Gen.UInt, (largest, features) => (Hello?)new Hello((ushort)largest, (HelloFeatures)features)));

    private static readonly Gen<(TestPacket Packet, int SegmentSize)[]> s_packets = Gen.OneOf(
        TestPacket.Generate(3_000), TestPacket.Generate(20_000), TestPacket.Generate(65_300))
        .Select(Gen.Int[0, 3_000], (packet, extra) => (packet, SegmentSize(packet, extra)))
        .Array[1, 5];

    [Fact]
    public void Packets_come_out_as_they_went_in() => s_hellos.Select(s_packets).Sample(
        (hello, packets) => AssertPassed(hello, packets), iter: 300, threads: 1);

    /// <summary>No packet becomes more than 100 segments, or more bytes than there are.</summary>
    private static int SegmentSize(TestPacket packet, int extra)
    {
        int size = packet.Payload.Length / 100 + 1 + extra;
        return size < packet.Payload.Length && packet.Length <= 65_535 ? size : 0;
    }

    private static void AssertPassed(Hello? hello, (TestPacket Packet, int SegmentSize)[] packets)
    {
        using var near = new LaneParts();
        using var far = new FarLane(near, hello ?? LaneParts.TakesAll);
        near.Tunnel.Keypair.RemoteHello = hello;
        List<byte[]> expected = [], passed = [];
        foreach ((TestPacket packet, int segmentSize) in packets.Where(each => each.Packet.Length <= 65_535))
        {
            expected.AddRange(segmentSize == 0 ? [packet.Build()] : NaiveSegmenter.Cut(packet, segmentSize));
            near.Tun.Give(packet, segmentSize);
            Assert.True(near.Outbound.OnReadable(null, LaneParts.Now));
            do
            {
                near.Connection.OnWritable(0, LaneParts.Now);
                far.Receive(passed);
            }
            while (near.Connection.QueuedBytes > 0);
        }

        Assert.Equal(0, near.Dropped);
        Assert.Equal(0, far.Dropped);
        // Packets of one flow keep their order; those of different flows need not.
        foreach (int flow in new[] { 0x406, 0x411, 0x606, 0x611 })
            Assert.Equal(Of(flow, expected), Of(flow, passed));
    }

    private static List<byte[]> Of(int flow, List<byte[]> packets) => [.. packets.Where(packet =>
        PacketHeaders.TryRead(packet, out PacketHeaders headers)
            && (headers.IsIPv6 ? 0x600 : 0x400) + (headers.IsUdp ? 0x11 : 0x06) == flow).Select(Normalised)];

    /// <summary>0 and 0xffff are the same sum; which of them a TCP header has is up to who sums.</summary>
    private static byte[] Normalised(byte[] packet)
    {
        Assert.True(PacketHeaders.TryRead(packet, out PacketHeaders headers));
        Span<byte> checksum = packet.AsSpan(headers.ChecksumOffset, 2);
        if (BinaryPrimitives.ReadUInt16BigEndian(checksum) == 0)
            checksum.Fill(0xFF);
        return packet;
    }

    /// <summary>The lane at the far end of another's connection and session.</summary>
    private sealed class FarLane : IDisposable
    {
        private readonly Peer _peer = Tunnel.NewPeer();
        private readonly TunPair _tun = new();
        private readonly Aead _aead = new();
        private readonly LaneCounters _counters = new();
        private readonly StreamConnection _connection; // its descriptor is the pair's
        private readonly Inbound _inbound;

        public FarLane(LaneParts near, Hello local)
        {
            AllowedIps<Peer> routes = AllowedIps<Peer>.Empty.With(IpPrefix.IPv4(0, 0), _peer).With(IpPrefix.IPv6(0, 0), _peer);
            var published = new Published { LocalHello = local, Snapshot = new Snapshot(routes, null, LaneParts.Mtu) };
            published.Indices.Bind(_peer, near.Tunnel.FarKeypair);
            _connection = new StreamConnection(near.Pair.Far, 2, EndpointAddress.IPv4(1, 1), isDialed: true, near.Inbox);
            _inbound = new Inbound(_tun.Queue, _aead, published, near.Inbox, _counters);
        }

        public long Dropped => Enum.GetValues<DropReason>().Sum(reason => _counters[reason]);

        /// <summary>Receives what has come, and adds what the kernel would make of what is written.</summary>
        public void Receive(List<byte[]> packets)
        {
            long before;
            do
            {
                before = _connection.ReceivedBytes;
                _inbound.OnReadable(_connection, LaneParts.Now);
                foreach ((byte[] header, byte[] packet) in _tun.Taken())
                    Cut(header, packet, packets);
            }
            while (_connection.ReceivedBytes != before);
            Assert.False(_connection.IsFailed);
        }

        public void Dispose()
        {
            _connection.KeepPartial([]);
            _inbound.Dispose();
            _aead.Dispose();
            _tun.Dispose();
            _peer.Leave();
        }

        private static void Cut(byte[] header, byte[] packet, List<byte[]> packets)
        {
            Assert.True(VirtioHeader.TryRead(header, packet, out PacketHeaders headers));
            if (headers.SegmentSize == 0)
            {
                if (headers.NeedsChecksum)
                    Assert.True(TransportChecksum.Complete(packet, headers.PartialStart, headers.PartialOffset));
                packets.Add(packet);
                return;
            }

            Assert.True(Segmenter.TryBegin(packet, headers, headers.SegmentSize, out Segmenter segments));
            for (int i = 0; i < segments.Count; i++)
            {
                byte[] segment = new byte[segments.LengthOf(i)];
                segments.Write(i, segment);
                packets.Add(segment);
            }
        }
    }
}
