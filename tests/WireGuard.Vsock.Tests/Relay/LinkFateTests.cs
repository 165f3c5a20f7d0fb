using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;
using static WireGuard.Vsock.Tests.Transport.NumberedMessage;

namespace WireGuard.Vsock.Tests.Relay;

public sealed class LinkFateTests : IDisposable
{
    private readonly LaneParts _parts = new();
    private readonly UdpParty _udp;
    private readonly StreamParty _stream;

    public LinkFateTests() => (_udp, _stream) = (_parts.Udp(), _parts.Stream());

    public void Dispose() => _parts.Dispose();

    [Fact]
    public void Link_without_an_answer_ends_after_5_s()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_udp.Address));
        near.Write(Frame(1, 60));
        _parts.Until(() => _udp.Has(1));
        _parts.Advance(4_900);
        Assert.Equal(1, _parts.Counters.Links);
        _parts.Advance(300);
        Assert.Equal(0, _parts.Counters.Links);
        Assert.Equal(0, Sys.Recv(near.Far, new byte[1], 0));
    }

    [Fact]
    public void Cookie_of_the_far_end_keeps_the_link_for_the_next_initiation()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_udp.Address));
        near.Write(Frame(1, 60));
        _parts.Until(() => _udp.Has(1));
        _udp.Send(_udp.Received[0].From, RelayParts.Cookie(1));
        _parts.Until(() => near.ReadMessages().Count == 1);
        _parts.Advance(5_700);
        near.Write(Frame(2, 60));
        _parts.Until(() => _udp.Has(2));
        Assert.Equal(_udp.Received[0].From, _udp.Received[1].From);
        _parts.Advance(500);
        Assert.Equal(0, _parts.Counters.Links);
    }

    [Fact]
    public void Answered_link_ends_when_it_is_idle()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_udp.Address));
        Answer(near);
        _parts.Advance(299_000);
        Assert.Equal(1, _parts.Counters.Links);
        _parts.Advance(1_300);
        Assert.Equal(0, _parts.Counters.Links);
    }

    [Fact]
    public void End_of_one_stream_is_the_end_of_the_other_behind_what_waits()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_stream.Address));
        near.Write(Frame(1, 60));
        _parts.Until(() => _stream.Has(1));
        _parts.Until(() => _stream.Connections[0].ReadMessages().Count == 1);
        _stream.Connections[0].Write(Frame(2, 60));
        _stream.Connections[0].CloseFar();
        List<byte[]> answers = [];
        _parts.Until(() => { answers.AddRange(near.ReadMessages()); return answers.Count == 1 && _parts.Counters.Links == 0; });
        Assert.Equal(0, Sys.Recv(near.Far, new byte[1], 0));
    }

    [Fact]
    public void Far_stream_of_a_source_is_dialled_again_when_it_has_ended()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_stream.Address));
        UdpParty source = _parts.Udp();
        source.Send(at, Message(1, 60));
        _parts.Until(() => _stream.Has(1));
        _stream.Connections[0].Write(Frame(2, 60));
        _parts.Until(() => source.Has(1));
        _stream.Connections[0].CloseFar();
        _parts.Until(() => { source.Send(at, Message(3, 60)); return _stream.Has(2); });
        List<byte[]> carried = [];
        _parts.Until(() => { carried.AddRange(_stream.Connections[1].ReadMessages()); return carried.Count > 0; });
        Assert.Equal(1, _parts.Counters.Links);
    }

    [Fact]
    public void Messages_wait_while_a_target_refuses_and_arrive_when_it_listens()
    {
        _stream.StopListening();
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_stream.Address));
        UdpParty source = _parts.Udp();
        for (int i = 0; i < StreamEnd.MaxWaitingMessages + 4; i++)
            source.Send(at, Message(i, 60));
        _parts.Until(() => _parts.Counters.Dropped(RelayDrop.QueueFull) == 4 && _parts.Counters.FailedDials == 1);
        _stream.ListenAgain();
        _parts.Lane.RunOnce(20);
        Assert.Equal(1, _parts.Counters.FailedDials);
        Assert.False(_stream.Has(1));
        _parts.Advance(Target.FirstDelayMs);
        _parts.Until(() => _stream.Has(1));
        List<byte[]> carried = [];
        _parts.Until(() =>
        {
            carried.AddRange(_stream.Connections[0].ReadMessages());
            return carried.Count == StreamEnd.MaxWaitingMessages;
        });
        Assert.Equal(Enumerable.Range(0, StreamEnd.MaxWaitingMessages), Ids(carried));
    }

    [Fact]
    public void Nothing_is_lost_between_streams_when_the_far_one_is_slow()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_stream.Address));
        byte[] frames = [.. Enumerable.Range(0, 40).SelectMany(i => Frame(i, 1452))];
        int written = 0, offset = 0;
        byte[] all = new byte[8_000_000 / frames.Length * frames.Length];
        for (int i = 0; i < all.Length; i += frames.Length)
            frames.CopyTo(all, i);
        int read = 0;
        _parts.Until(() =>
        {
            int n = Sys.Send(near.Far, all.AsSpan(written), MSG_NOSIGNAL);
            written += Math.Max(n, 0);
            // It reads only once everything in between is full.
            if (_stream.Has(1) && (n < 0 || written == all.Length))
            {
                byte[] bytes = _stream.Connections[0].ReadBytes();
                Assert.True(bytes.AsSpan().SequenceEqual(all.AsSpan(offset, bytes.Length)));
                offset = (read += bytes.Length);
            }

            return read == all.Length;
        });
        Assert.Equal(all.Length / 1458, _parts.Counters.SentMessages(NetworkKind.Tcp));
    }

    [Fact]
    public void Stream_that_takes_nothing_for_10_s_is_closed()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_stream.Address));
        UdpParty source = _parts.Udp();
        source.Send(at, Message(1, 60));
        _parts.Until(() => _stream.Has(1));
        _stream.Connections[0].Write(Frame(2, 60));
        _parts.Until(() => source.Has(1));
        byte[] message = Message(3, 9_000);
        _parts.Until(() => { source.Send(at, message); return _parts.Counters.Dropped(RelayDrop.QueueFull) > 0; });
        _parts.Advance(9_000);
        source.Send(at, message);
        _parts.Lane.RunOnce(20);
        Assert.False(_stream.Has(2));
        _parts.Advance(1_300);
        _parts.Until(() => { source.Send(at, Message(4, 60)); return _stream.Has(2); });
    }

    [Fact]
    public void Flood_of_sources_has_no_more_links_than_places()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_udp.Address));
        int most = 0;
        for (int i = 0; i < 1_000; i++)
        {
            using var source = new UdpParty();
            source.Send(at, Message(i, 60));
            _parts.Lane.RunOnce(0);
            most = Math.Max(most, _parts.Counters.Links);
        }

        Assert.InRange(most, 1, Admission.MaxUnanswered + 32);
    }

    [Fact]
    public void Udp_source_is_settled_by_an_index_that_it_was_told()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_udp.Address));
        UdpParty forged = _parts.Udp(), peer = _parts.Udp();
        foreach (UdpParty source in (UdpParty[])[forged, peer])
        {
            int before = _udp.Received.Count;
            byte[] initiation = new byte[148];
            initiation[0] = 1;
            source.Send(at, initiation);
            _parts.Until(() => _udp.Has(before + 1));
            _udp.Send(_udp.Received[^1].From, RelayParts.Response(sender: 77, receiver: 1));
            _parts.Until(() => source.Has(1));
        }

        peer.Send(at, RelayParts.Transport(77));
        _parts.Until(() => _udp.Has(3));
        _parts.Advance(14_000);
        Assert.Equal(2, _parts.Counters.Links);
        _parts.Advance(1_500);
        _parts.Until(() => _parts.Counters.Links == 1);
        peer.Send(at, RelayParts.Transport(77));
        _parts.Until(() => _udp.Has(4));
    }

    [Fact]
    public void Initiations_of_a_settled_source_are_its_own()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_udp.Address));
        UdpParty peer = _parts.Udp(), forger = _parts.Udp();
        byte[] initiation = new byte[148];
        initiation[0] = 1;
        peer.Send(at, initiation);
        _parts.Until(() => _udp.Has(1));
        EndpointAddress path = _udp.Received[0].From;
        _udp.Send(path, RelayParts.Response(sender: 77, receiver: 1));
        _parts.Until(() => peer.Has(1));
        peer.Send(at, RelayParts.Transport(77));
        _parts.Until(() => _udp.Has(2));
        for (int i = 0; i < 20; i++)
            forger.Send(at, initiation);
        _parts.Until(() => _parts.Counters.Dropped(RelayDrop.RateLimited) > 10);
        peer.Send(at, initiation);
        _parts.Until(() => _udp.Has(3) && _udp.Received.Count(received => received.From == path) == 3);
    }

    [Fact]
    public void Enclave_that_does_not_answer_keeps_no_other_waiting()
    {
        using var enclaves = new RelayParts(2);
        using var parts = new LaneParts(enclaves.Admission);
        StreamParty live = parts.Stream();
        StreamParty dead = parts.Stream();
        dead.StopListening();
        var rule = new ActiveRule(
            LaneParts.Rule(live.Address).Settings,
            [new Target(live.Address), new Target(dead.Address)], enclaves.Routes);
        SocketPair near = parts.Accept(rule);
        near.Write(LaneParts.FrameOf(enclaves.Initiation(1)));
        parts.Until(() => parts.Counters.FailedDials == 1);
        near.Write(LaneParts.FrameOf(enclaves.Initiation(0)));
        parts.Until(() => live.Has(1));
        List<byte[]> carried = [];
        parts.Until(() => { carried.AddRange(live.Connections[0].ReadMessages()); return carried.Count == 1; });
    }

    [Fact]
    public void Rule_that_takes_over_a_socket_ends_the_links_of_the_one_before()
    {
        var socket = UdpSocket.Open(EndpointAddress.IPv4(LaneParts.Loopback, 0), isShared: false, mark: 0, UdpOffloads.None);
        EndpointAddress at = EndpointAddress.IPv4(LaneParts.Loopback, socket.LocalPort);
        UdpParty source = _parts.Udp(), other = _parts.Udp();
        ActiveRule before = LaneParts.Rule(_udp.Address), after = LaneParts.Rule(other.Address);
        _parts.Lane.Post(new LaneOrder(before, LaneOrderKind.Listen, socket: socket));
        source.Send(at, Message(1, 60));
        _parts.Until(() => _udp.Has(1));
        _parts.Lane.Post(new LaneOrder(after, LaneOrderKind.Listen, socket: socket));
        _parts.Until(() => _parts.Counters.Links == 0);
        source.Send(at, Message(2, 60));
        _parts.Until(() => other.Has(1));
        before.BeginEnd(1);
        _parts.Lane.Post(new LaneOrder(before, LaneOrderKind.EndRule));
        _parts.Lane.RunOnce(20);
        Assert.Equal(1, _parts.Counters.Links);

        _parts.Lane.Post(new LaneOrder(after, LaneOrderKind.EndListen, socket: socket));
        _parts.Until(() => _parts.Counters.Links == 0);
    }

    [Fact]
    public void Rule_that_ends_takes_its_links_with_it()
    {
        ActiveRule rule = LaneParts.Rule(_udp.Address), other = LaneParts.Rule(_udp.Address);
        SocketPair near = _parts.Accept(rule);
        Answer(near);
        Answer(_parts.Accept(other));
        _parts.Lane.Post(new LaneOrder(rule, LaneOrderKind.EndRule));
        _parts.Until(() => _parts.Counters.Links == 1);
        Assert.Equal(0, Sys.Recv(near.Far, new byte[1], 0));
        Assert.Equal(1, _parts.Admission.Count);
    }

    private void Answer(SocketPair near)
    {
        int before = _udp.Received.Count;
        near.Write(Frame(1, 60));
        _parts.Until(() => _udp.Has(before + 1));
        _udp.Send(_udp.Received[^1].From, Message(2, 60));
        _parts.Until(() => near.ReadMessages().Count == 1);
    }
}
