using System.Buffers.Binary;
using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Tests.Transport.NumberedMessage;

namespace WireGuard.Vsock.Tests.Relay;

public sealed class LinkTests : IDisposable
{
    private readonly LaneParts _parts = new();
    private readonly UdpParty _udp;
    private readonly StreamParty _stream;

    public LinkTests() => (_udp, _stream) = (_parts.Udp(), _parts.Stream());

    public void Dispose() => _parts.Dispose();

    [Fact]
    public void Frames_leave_as_datagrams_and_answers_as_frames()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_udp.Address));
        near.Write([.. Frame(1, 60), .. Frame(2, 1452), .. Frame(3, 32)]);
        _parts.Until(() => _udp.Has(3));
        Assert.Equal([1, 2, 3], Ids(_udp.Received.Select(received => received.Message)));

        _udp.Send(_udp.Received[0].From, Message(4, 92));
        List<byte[]> answers = [];
        _parts.Until(() => { answers.AddRange(near.ReadMessages(takesShort: false)); return answers.Count == 1; });
        Assert.Equal(Message(4, 92), answers[0]);
        Assert.Equal((3, 60 + 1452 + 32), _parts.Received(NetworkKind.Tcp));
        Assert.Equal((3, 60 + 1452 + 32), _parts.Sent(NetworkKind.Udp));
        Assert.Equal((1, 92), _parts.Sent(NetworkKind.Tcp));
    }

    [Fact]
    public void Each_accepted_stream_has_a_socket_of_its_own()
    {
        ActiveRule rule = LaneParts.Rule(_udp.Address);
        SocketPair first = _parts.Accept(rule), second = _parts.Accept(rule);
        first.Write(Frame(1, 60));
        _parts.Until(() => _udp.Has(1));
        second.Write(Frame(2, 60));
        _parts.Until(() => _udp.Has(2));
        Assert.NotEqual(_udp.Received[0].From, _udp.Received[1].From);
        _udp.Send(_udp.Received[0].From, Message(3, 60));
        List<byte[]> answers = [];
        _parts.Until(() => { answers.AddRange(first.ReadMessages()); return answers.Count == 1; });
        Assert.Empty(second.ReadMessages());
    }

    [Fact]
    public void Datagrams_of_each_source_leave_on_a_stream_of_its_own()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_stream.Address));
        UdpParty a = _parts.Udp(), b = _parts.Udp();
        a.Send(at, Message(1, 60));
        b.Send(at, Message(2, 60));
        a.Send(at, Message(3, 1452));
        _parts.Until(() => _stream.Has(2));
        List<byte[]>[] carried = [[], []];
        _parts.Until(() =>
        {
            for (int i = 0; i < 2; i++)
                carried[i].AddRange(_stream.Connections[i].ReadMessages(takesShort: false));
            return carried.Sum(messages => messages.Count) == 3;
        });
        int ofA = carried[0].Count == 2 ? 0 : 1;
        Assert.Equal([1, 3], Ids(carried[ofA]));
        Assert.Equal([2], Ids(carried[1 - ofA]));

        _stream.Connections[ofA].Write([.. Frame(4, 60), .. Frame(5, 60)]);
        _parts.Until(() => a.Has(2));
        Assert.Equal([4, 5], Ids(a.Received.Select(received => received.Message)));
        Assert.All(a.Received, received => Assert.Equal(at, received.From));
        Assert.False(b.Has(1));
    }

    [Fact]
    public void Frames_go_on_byte_for_byte_with_either_checksum()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_stream.Address));
        byte[] shortened = Frame(2, 1452);
        FrameCodec.WriteHeader(shortened, shortened.AsSpan(FrameCodec.HeaderSize), isShort: true);
        byte[] bytes = [.. Frame(1, 16_416), .. shortened, .. Frame(3, FrameCodec.MaxMessageSize), .. Frame(4, 32)];
        near.Write(bytes.AsSpan(0, 70_000));
        _parts.Until(() => _stream.Has(1));
        near.Write(bytes.AsSpan(70_000));
        List<byte> carried = [];
        _parts.Until(() => { carried.AddRange(_stream.Connections[0].ReadBytes()); return carried.Count == bytes.Length; });
        Assert.Equal(bytes, carried);
        Assert.Equal((4, bytes.Length - (4 * FrameCodec.HeaderSize)), _parts.Sent(NetworkKind.Tcp));
    }

    [Fact]
    public void Datagrams_are_carried_between_udp_and_udp()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_udp.Address));
        UdpParty source = _parts.Udp();
        source.Send(at, Message(1, 148));
        _parts.Until(() => _udp.Has(1));
        _udp.Send(_udp.Received[0].From, Message(2, 60));
        _parts.Until(() => source.Has(1));
        Assert.Equal([2], Ids(source.Received.Select(received => received.Message)));
    }

    [Fact]
    public void What_no_datagram_should_carry_is_dropped_and_counted()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_udp.Address));
        near.Write([.. Frame(1, End.LargestDatagram + 1), .. Frame(2, End.LargestDatagram)]);
        _parts.Until(() => _udp.Has(1));
        Assert.Equal([2], Ids(_udp.Received.Select(received => received.Message)));
        Assert.Equal(1, _parts.Counters.Dropped(RelayDrop.TooLong));
    }

    [Fact]
    public void What_is_no_message_is_dropped_from_datagrams_and_ends_a_stream()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_udp.Address));
        UdpParty source = _parts.Udp();
        source.Send(at, new byte[31]);
        source.Send(at, "not a message of any type there is"u8.ToArray());
        _parts.Until(() => _parts.Counters.Dropped(RelayDrop.NotAMessage) == 2);
        Assert.Equal(0, _parts.Counters.Links);

        SocketPair near = _parts.Accept(LaneParts.Rule(_udp.Address));
        byte[] bad = Frame(2, 60);
        bad[3] ^= 1;
        near.Write([.. Frame(1, 60), .. bad]);
        _parts.Until(() => _udp.Has(1) && _parts.Counters.Links == 0);
        Assert.Equal(0, Sys.Recv(near.Far, new byte[1], 0));
    }

    [Fact]
    public void Initiations_of_a_source_are_limited()
    {
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_udp.Address));
        UdpParty source = _parts.Udp();
        byte[] initiation = new byte[148];
        BinaryPrimitives.WriteUInt32LittleEndian(initiation, 1);
        for (int i = 0; i < 30; i++)
            source.Send(at, initiation);
        _parts.Until(() => _parts.Counters.Dropped(RelayDrop.RateLimited) == 25);
        Assert.True(_udp.Has(5));
        Assert.Equal(5, _udp.Received.Count);
    }

    [Fact]
    public void With_peers_each_enclave_gets_what_is_for_it()
    {
        using var enclaves = new RelayParts(2);
        using var parts = new LaneParts(enclaves.Admission);
        StreamParty a = parts.Stream(), b = parts.Stream();
        UdpParty source = parts.Udp();
        var rule = new ActiveRule(
            LaneParts.Rule(a.Address).Settings, [new Target(a.Address), new Target(b.Address)], enclaves.Routes);
        EndpointAddress at = parts.Listen(rule);
        source.Send(at, RelayParts.Transport(501));
        parts.Until(() => parts.Counters.Dropped(RelayDrop.NoRoute) == 1);
        Assert.Equal(0, parts.Counters.Links);

        source.Send(at, enclaves.Initiation(0, sender: 11));
        source.Send(at, enclaves.Initiation(1, sender: 12));
        parts.Until(() => a.Has(1) && b.Has(1));
        Assert.Equal(1, parts.Counters.Links);
        List<byte[]> toA = [], toB = [];
        parts.Until(() => Carried(a, toA) == 1 && Carried(b, toB) == 1);
        a.Connections[0].Write(LaneParts.FrameOf(RelayParts.Response(sender: 501, receiver: 11)));
        b.Connections[0].Write(LaneParts.FrameOf(RelayParts.Response(sender: 502, receiver: 12)));
        parts.Until(() => source.Has(2));
        source.Send(at, RelayParts.Transport(502));
        source.Send(at, RelayParts.Transport(501));
        source.Send(at, RelayParts.Transport(502));
        parts.Until(() => Carried(a, toA) == 2 && Carried(b, toB) == 3);
    }

    [Fact]
    public void Guest_behind_a_unix_socket_is_asked_for_its_port_first()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using UnixListener monitor = UnixListener.Open(path, mode: 0b110_000_000, backlog: 4);
        SocketPair near = _parts.Accept(LaneParts.Rule(new TransportAddress(NetworkKind.Unix, path, 0, 51820)));
        near.Write(Frame(1, 60));
        int fd = -1;
        _parts.Until(() => (fd = Sys.Accept(monitor.Fd)) >= 0);
        using var guest = new SocketPair(fd);
        List<byte> said = [];
        _parts.Until(() => { said.AddRange(guest.ReadBytes()); return said.Count > 0; });
        Assert.Equal("CONNECT 51820\n"u8, said.ToArray());
        guest.Write([.. "OK 1073741824\n"u8, .. Frame(2, 60)]);
        List<byte[]> answers = [];
        _parts.Until(() => { answers.AddRange(near.ReadMessages()); return answers.Count == 1; });
        Assert.Equal([1], Ids(guest.ReadMessages()));
    }

    [Fact]
    public void Nothing_is_allocated_for_a_message()
    {
        ActiveRule rule = LaneParts.Rule(_udp.Address);
        EndpointAddress at = _parts.Listen(LaneParts.Rule(_stream.Address));
        SocketPair near = _parts.Accept(rule);
        UdpParty source = _parts.Udp();
        byte[] frames = [.. Enumerable.Range(0, 20).SelectMany(i => Frame(i, 1452))];
        byte[] message = Message(1, 1452);
        void Carry()
        {
            near.Write(frames);
            for (int i = 0; i < 20; i++)
                source.Send(at, message);
            for (int i = 0; i < 3; i++)
                _parts.Lane.RunOnce(0);
        }

        for (int i = 0; i < 5; i++)
        {
            Carry();
            Assert.True(_stream.Has(1));
            _ = _stream.Connections[0].ReadBytes();
            _ = _udp.Has(0);
        }

        long before = GC.GetAllocatedBytesForCurrentThread(), byTest = 0;
        for (int i = 0; i < 50; i++)
        {
            long began = GC.GetAllocatedBytesForCurrentThread();
            near.Write(frames);
            for (int j = 0; j < 20; j++)
                source.Send(at, message);
            byTest += GC.GetAllocatedBytesForCurrentThread() - began;
            for (int j = 0; j < 3; j++)
                _parts.Lane.RunOnce(0);
            long drained = GC.GetAllocatedBytesForCurrentThread();
            _ = _stream.Connections[0].ReadBytes();
            _ = _udp.Has(0);
            byTest += GC.GetAllocatedBytesForCurrentThread() - drained;
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before - byTest, 0, 20_000);
        Assert.True(_parts.Counters.SentMessages(NetworkKind.Udp) >= 1100);
    }

    private static int Carried(StreamParty party, List<byte[]> messages)
    {
        messages.AddRange(party.Connections[0].ReadMessages());
        return messages.Count;
    }

}
