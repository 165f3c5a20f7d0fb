using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Lanes;

public sealed class OutboundBatchTests : IDisposable
{
    private const long Now = 1_000_000;
    private const int Mtu = 1420;

    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly OutboundBatch _batch;
    private readonly LaneCounters _counters = new();
    private readonly Tunnel[] _tunnels = [new(Now), new(Now), new(Now)];
    private readonly SocketPair[] _pairs = [new(), new(), new()];

    public OutboundBatchTests()
    {
        _batch = new OutboundBatch(_aead, isStream: true, _inbox, _counters);
        for (int i = 0; i < _tunnels.Length; i++)
        {
            _tunnels[i].Peer.Destination = new StreamConnection(
                _pairs[i].Near, (uint)i, EndpointAddress.IPv4((uint)i, 1), isDialed: false, _inbox)
            { IsInUse = true };
        }
    }

    public void Dispose()
    {
        _batch.Dispose();
        for (int i = 0; i < _tunnels.Length; i++)
        {
            (_tunnels[i].Peer.Destination as StreamConnection)?.Dispose();
            _tunnels[i].Dispose();
            _pairs[i].Dispose();
        }

        _aead.Dispose();
        _inbox.Dispose();
    }

    [Fact]
    public void Lane_moves_to_another_connection_only_after_a_pause()
    {
        const int Lane = 1;
        Tunnel tunnel = _tunnels[0];
        using var batch = new OutboundBatch(_aead, isStream: true, _inbox, _counters, Lane);
        var first = (StreamConnection)tunnel.Peer.Destination!;
        var second = (StreamConnection)_tunnels[1].Peer.Destination!;
        first.HandshakeReceived(tunnel.Peer, Now);
        second.HandshakeReceived(tunnel.Peer, Now);
        int Sends(long nowMs)
        {
            Assert.True(tunnel.TrySeal(batch, [1], nowMs));
            batch.Flush(null, nowMs);
            int[] arrived = [_pairs[0].ReadMessages().Count, _pairs[1].ReadMessages().Count];
            Assert.Equal(1, arrived.Sum());
            return arrived[1];
        }

        Assert.Equal(0, Sends(Now));
        tunnel.Peer.StreamByLane = [first, second];
        long lastMs = Now + (3 * (Peer.QuietMs - 1));
        for (long nowMs = Now; nowMs <= lastMs; nowMs += Peer.QuietMs - 1)
            Assert.Equal(0, Sends(nowMs));
        Assert.Equal(1, Sends(lastMs + Peer.QuietMs));
        Assert.Equal(1, Sends(lastMs + Peer.QuietMs));
        // It has been lost: there is nothing to wait for.
        second.Fail();
        Assert.Equal(0, Sends(lastMs + Peer.QuietMs));
        tunnel.Peer.StreamByLane = [first, (StreamConnection)_tunnels[2].Peer.Destination!];
        first.IsInUse = false;
        Assert.True(tunnel.TrySeal(batch, [1], lastMs + Peer.QuietMs));
        batch.Flush(null, lastMs + Peer.QuietMs);
        Assert.Single(_pairs[2].ReadMessages());
    }

    [Fact]
    public void Superpacket_is_dropped_and_counted_where_another_connection_has_taken_the_place_of_the_proven_one()
    {
        Tunnel tunnel = _tunnels[0];
        var first = (StreamConnection)tunnel.Peer.Destination!;
        first.NoteProven(takesShortChecksums: true);
        foreach (int sentOn in (int[])[0, 1])
        {
            Assert.True(_batch.IsPathProvenOf(tunnel.Peer));
            Assert.True(_batch.TrySeal(
                tunnel.Peer, tunnel.Keypair, _batch.Space, 10_000, Ecn.NotEct, mtu: 0, Now, isSuperpacket: true));
            Assert.True(tunnel.TrySeal(_batch, [1], Now));
            tunnel.Peer.Destination = _tunnels[sentOn].Peer.Destination;
            _batch.Flush(null, Now);
        }

        Assert.False(_batch.IsPathProvenOf(tunnel.Peer));
        Assert.Equal(2, _pairs[0].ReadMessages().Count);
        Assert.Single(_pairs[1].ReadMessages(takesShort: false));
        Assert.Equal(1, tunnel.Peer.DroppedPackets);
        tunnel.Peer.Destination = first;
    }

    [Theory]
    [InlineData(1, 1_420)]
    [InlineData(2, 100)]
    [InlineData(3, 10_000)]
    public void Packets_of_several_peers_arrive_each_in_its_order(int seed, int longest)
    {
        var random = new Random(seed);
        List<byte[]>[] sent = [[], [], []], arrived = [[], [], []];
        for (int i = 0; i < 1_000; i++)
        {
            byte[] packet = new byte[random.Next(longest)];
            random.NextBytes(packet);
            int to = random.Next(3);
            Assert.True(_tunnels[to].TrySeal(_batch, packet, Now));
            sent[to].Add(packet);
            if (!_batch.HasSpaceFor(OutboundBatch.MaxPacket) || random.Next(30) == 0)
            {
                _batch.Flush(null, Now);
                Assert.True(_batch.IsEmpty);
                for (int j = 0; j < 3; j++)
                    arrived[j].AddRange(Read(j));
            }
        }

        _batch.Flush(null, Now);
        for (int j = 0; j < 3; j++)
        {
            arrived[j].AddRange(Read(j));
            Assert.Equal(sent[j].Count, arrived[j].Count);
            Assert.All(sent[j].Zip(arrived[j]), pair =>
            {
                Assert.Equal(TransportMessage.PaddedLength(pair.First.Length, Mtu), pair.Second.Length);
                Assert.Equal(pair.First, pair.Second[..pair.First.Length]);
                Assert.DoesNotContain(pair.Second[pair.First.Length..], padding => padding != 0);
            });
        }
    }

    [Fact]
    public void Keepalive_is_an_empty_packet()
    {
        Assert.True(_tunnels[0].TrySeal(_batch, [], Now));
        _batch.Flush(null, Now);
        Assert.Empty(Assert.Single(Read(0)));
    }

    [Theory]
    // length, MTU, what the far end reads, and 0 where no frame can carry it
    [InlineData(65_480, 65_535, 65_488)]
    [InlineData(65_488, 65_535, 65_488)]
    [InlineData(65_489, 65_535, 65_489)] // padded to 65,504 it fits no frame
    [InlineData(65_498, 65_535, 65_498)]
    [InlineData(65_499, 65_535, 0)]
    [InlineData(65_535, 65_535, 0)]
    [InlineData(65_535, 1_420, 0)]
    public void Longest_packets_are_sent_as_long_as_a_frame_can_carry_them(int length, int mtu, int expected)
    {
        byte[] packet = new byte[length];
        new Random(1).NextBytes(packet);
        Assert.True(_tunnels[0].TrySeal(_batch, packet, Now, mtu));
        _batch.Flush(null, Now);
        List<byte[]> arrived = Read(0);
        Assert.Equal(expected == 0 ? 1 : 0, _counters[DropReason.TooLong]);
        Assert.Equal(0, _tunnels[0].Peer.DroppedPackets);
        if (expected == 0)
        {
            Assert.Empty(arrived);
            return;
        }

        byte[] opened = Assert.Single(arrived);
        Assert.Equal(expected, opened.Length);
        Assert.True(packet.AsSpan().SequenceEqual(opened.AsSpan(0, length)));
    }

    [Fact]
    public void There_is_room_for_the_longest_packet_until_the_batch_is_full()
    {
        const int Overhead = FrameCodec.HeaderSize + TransportMessage.Overhead;
        const int LastEnd = (256 * 1024) - OutboundBatch.MaxPacket - Overhead - 16; // and padding
        for (int end = LastEnd - 100; end <= LastEnd + 1; end++)
        {
            int rest = end;
            for (; rest > 4_000; rest -= 2_000 + Overhead)
                Assert.True(_tunnels[0].TrySeal(_batch, new byte[2_000], Now, mtu: 2_000));
            Assert.True(_tunnels[0].TrySeal(_batch, new byte[rest - Overhead], Now, mtu: rest - Overhead));
            Assert.Equal(end <= LastEnd, _batch.HasSpaceFor(OutboundBatch.MaxPacket));
            if (_batch.HasSpaceFor(OutboundBatch.MaxPacket))
                Assert.True(_batch.Space.Length >= OutboundBatch.MaxPacket + Limits.PaddingMultiple);
            _batch.Flush(null, Now);
            Read(0);
        }
    }

    [Fact]
    public void Padding_does_not_tell_what_lay_there_before()
    {
        byte[] secret = [.. Enumerable.Repeat((byte)0xff, 1_000)];
        Assert.True(_tunnels[0].TrySeal(_batch, secret, Now));
        _batch.Flush(null, Now);
        secret.CopyTo(_batch.Space);
        Assert.True(_tunnels[0].TrySeal(_batch, [1], Now));
        _batch.Flush(null, Now);
        Assert.Equal([1, .. new byte[15]], Read(0)[1]);
    }

    [Fact]
    public void Packet_stays_in_its_place_when_the_session_has_ended()
    {
        Assert.False(_tunnels[0].TrySeal(_batch, [1, 2, 3], Now + Limits.RejectAfterTimeMs));
        Assert.True(_batch.IsEmpty);
        Assert.Equal([1, 2, 3], _batch.Space[..3].ToArray());
        Assert.True(_tunnels[1].TrySeal(_batch, [4], Now));
        _batch.Flush(null, Now);
        Assert.Equal(4, Assert.Single(Read(1))[0]);
        Assert.Empty(Read(0));
    }

    [Fact]
    public void Batch_holds_128_messages()
    {
        for (int i = 0; i < OutboundBatch.MaxMessages; i++)
        {
            Assert.True(_batch.HasSpaceFor(OutboundBatch.MaxPacket));
            Assert.True(_tunnels[0].TrySeal(_batch, [], Now));
        }

        Assert.Equal(128, OutboundBatch.MaxMessages);
        Assert.False(_batch.HasSpaceFor(OutboundBatch.MaxPacket));
        _batch.Flush(null, Now);
        Assert.True(_batch.HasSpaceFor(OutboundBatch.MaxPacket));
    }

    [Fact]
    public void Messages_are_counted_without_their_frames_and_what_has_no_way_is_dropped()
    {
        Assert.True(_tunnels[0].TrySeal(_batch, new byte[100], Now));
        Assert.True(_tunnels[0].TrySeal(_batch, [], Now));
        _batch.Flush(null, Now);
        Assert.Equal(112 + 32 + 32, _tunnels[0].Peer.SentBytes);

        Assert.True(_tunnels[0].TrySeal(_batch, [1], Now));
        Assert.True(_tunnels[1].TrySeal(_batch, [1], Now));
        Assert.True(_tunnels[0].TrySeal(_batch, [2], Now));
        ((StreamConnection)_tunnels[0].Peer.Destination!).Dispose();
        _tunnels[0].Peer.Destination = null; // between the sealing and the sending
        _batch.Flush(null, Now);
        Assert.Equal(2, _tunnels[0].Peer.DroppedPackets);
        Assert.Equal(112 + 32 + 32, _tunnels[0].Peer.SentBytes);
        Assert.Single(Read(1));
    }

    // ---- section 6: what sending means to the timers --------------------------------------------------------------

    [Fact]
    public void First_data_starts_a_timer_and_control_is_told()
    {
        Seal(_tunnels[0], [], Now);
        Assert.False(_inbox.TryTake(out Peer? _));
        Seal(_tunnels[0], [1], Now + 1);
        Assert.Equal(Now + 1, _tunnels[0].Peer.Activity.SentUnansweredSince);
        Assert.True(_inbox.TryTake(out Peer? peer));
        Assert.Same(_tunnels[0].Peer, peer);
        Assert.Equal(PeerSignals.TimerStarted, peer.TakeSignals());
        Seal(_tunnels[0], [1], Now + 2);
        Assert.False(_inbox.TryTake(out Peer? _));
    }

    [Fact]
    public void Old_session_asks_for_a_handshake()
    {
        Seal(_tunnels[0], [], Now + Limits.RekeyAfterTimeMs - 1);
        Assert.False(_inbox.TryTake(out Peer? _));
        Seal(_tunnels[0], [], Now + Limits.RekeyAfterTimeMs);
        Assert.True(_inbox.TryTake(out Peer? peer));
        Assert.Equal(PeerSignals.WantsHandshake, peer.TakeSignals());
    }

    [Fact]
    public void Steady_traffic_allocates_nothing()
    {
        byte[] packet = new byte[1_400], received = new byte[256 * 1024];
        void Turn()
        {
            for (int i = 0; i < 20; i++)
            {
                _tunnels[0].TrySeal(_batch, packet, Now);
                _tunnels[i % 3].TrySeal(_batch, packet, Now);
            }

            _batch.Flush(null, Now);
            foreach (SocketPair pair in _pairs)
            {
                while (Sys.Recv(pair.Far, received, 0) > 0)
                {
                    // what has arrived makes room
                }
            }
        }

        Turn();
        Assert.Equal(0, Allocations.Of(Turn));
    }

    private void Seal(Tunnel tunnel, byte[] packet, long nowMs)
    {
        Assert.True(tunnel.TrySeal(_batch, packet, nowMs));
        _batch.Flush(null, nowMs);
    }

    private List<byte[]> Read(int index)
    {
        var connection = (StreamConnection)_tunnels[index].Peer.Destination!;
        List<byte[]> packets = [];
        do
        {
            connection.OnWritable(0, Now);
            foreach (byte[] message in _pairs[index].ReadMessages())
            {
                byte[]? packet = _tunnels[index].Open(message, Now);
                Assert.NotNull(packet);
                packets.Add(packet);
            }
        }
        while (connection.QueuedBytes > 0);
        return packets;
    }
}
