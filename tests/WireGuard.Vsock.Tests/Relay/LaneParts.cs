using System.Diagnostics;
using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Relay;

/// <summary>A lane of the relay that a test drives, with its clock set by hand, and what it carries from and to.</summary>
internal sealed class LaneParts : IDisposable
{
    public const uint Loopback = 0x7f000001;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly TransportAddress s_listen = new(NetworkKind.Tcp, "", 0, 51820);

    private readonly List<IDisposable> _made = [];

    public LaneParts(Admission? admission = null)
    {
        Admission = admission ?? new Admission(new RelayLimits());
        Lane = new RelayLane(0, Admission, new RelayLimits(), UdpOffloads.None, Log, _ => { }, () => NowMs);
    }

    public long NowMs { get; set; } = 1_000_000;

    public Admission Admission { get; }

    public RelayLane Lane { get; }

    public LinesLogger Log { get; } = new();

    public RelayCounters Counters => Lane.Counters;

    public (long Messages, long Bytes) Received(NetworkKind network) =>
        (Counters.ReceivedMessages(network), Counters.ReceivedBytes(network));

    public (long Messages, long Bytes) Sent(NetworkKind network) =>
        (Counters.SentMessages(network), Counters.SentBytes(network));

    public static ActiveRule Rule(TransportAddress to, bool isRaw = false) =>
        new(new RelayRule([s_listen], to, [], isRaw), [new Target(to)], null);

    public static byte[] FrameOf(byte[] message)
    {
        byte[] frame = [.. new byte[FrameCodec.HeaderSize], .. message];
        FrameCodec.WriteHeader(frame, message);
        return frame;
    }

    /// <summary>An accepted stream: the test has its far end.</summary>
    public SocketPair Accept(ActiveRule rule, uint from = 1)
    {
        var pair = Own(new SocketPair());
        Lane.Post(new LaneOrder(
            rule, LaneOrderKind.Accepted, pair.Near, EndpointAddress.IPv4(from, 1), NetworkKind.Tcp));
        Lane.RunOnce(0);
        return pair;
    }

    /// <summary>A UDP socket that the lane serves, and where it is.</summary>
    public EndpointAddress Listen(ActiveRule rule)
    {
        UdpSocket socket = UdpSocket.Open(EndpointAddress.IPv4(Loopback, 0), isShared: false, mark: 0, UdpOffloads.None);
        EndpointAddress address = EndpointAddress.IPv4(Loopback, socket.LocalPort);
        Lane.Post(new LaneOrder(rule, LaneOrderKind.Listen, socket: socket));
        Lane.RunOnce(0);
        return address;
    }

    public UdpParty Udp() => Own(new UdpParty());

    public StreamParty Stream() => Own(new StreamParty());

    /// <summary>Lets the lane work until that is so.</summary>
    public void Until(Func<bool> isSo)
    {
        var watch = Stopwatch.StartNew();
        while (!isSo())
        {
            Assert.True(watch.Elapsed < s_patience, "it does not come about");
            Lane.RunOnce(20);
        }
    }

    /// <summary>Time passes, and the lane looks at its deadlines.</summary>
    public void Advance(long ms)
    {
        NowMs += ms;
        Lane.RunOnce(0);
    }

    public void Dispose()
    {
        Lane.Dispose();
        _made.ForEach(made => made.Dispose());
    }

    private T Own<T>(T made) where T : IDisposable
    {
        _made.Add(made);
        return made;
    }
}

/// <summary>A program that sends and receives datagrams.</summary>
internal sealed class UdpParty : IDisposable
{
    private readonly UdpSocket _socket =
        UdpSocket.Open(EndpointAddress.IPv4(LaneParts.Loopback, 0), isShared: false, mark: 0, UdpOffloads.None);

    private readonly UdpReceiver _receiver = new();

    /// <summary>What it received, and from where.</summary>
    public List<(byte[] Message, EndpointAddress From)> Received { get; } = [];

    public EndpointAddress Endpoint => EndpointAddress.IPv4(LaneParts.Loopback, _socket.LocalPort);

    public TransportAddress Address => new(NetworkKind.Udp, "127.0.0.1", 0, _socket.LocalPort);

    public void Send(EndpointAddress to, byte[] message) =>
        Assert.Equal(message.Length, _socket.SendHandshake(message, new UdpDestination(to)));

    /// <summary>Receives what is there; says whether it has had so many messages in all.</summary>
    public bool Has(int count)
    {
        _receiver.Receive(_socket.Fd);
        while (_receiver.MoveNext())
        {
            _ = EndpointAddress.TryFromSockaddr(_receiver.Address, out EndpointAddress from);
            Received.Add((_receiver.Datagram.ToArray(), from));
        }

        return Received.Count >= count;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _receiver.Dispose();
    }
}

/// <summary>A program that listens on TCP, for as long as it does.</summary>
internal sealed class StreamParty : IDisposable
{
    private int _fd = StreamSocket.Listen(EndpointAddress.IPv4(LaneParts.Loopback, 0), mark: 0);

    public StreamParty() =>
        Address = new TransportAddress(NetworkKind.Tcp, "127.0.0.1", 0, StreamSocket.LocalPort(_fd));

    public TransportAddress Address { get; }

    /// <summary>The connections that it has accepted.</summary>
    public List<SocketPair> Connections { get; } = [];

    /// <summary>Accepts what waits; says whether it has had so many connections in all.</summary>
    public bool Has(int count)
    {
        int fd;
        while (_fd >= 0 && (fd = Sys.Accept(_fd)) >= 0)
            Connections.Add(new SocketPair(fd));
        return Connections.Count >= count;
    }

    public void StopListening()
    {
        Sys.Close(_fd);
        _fd = -1;
    }

    public void ListenAgain() =>
        _fd = StreamSocket.Listen(EndpointAddress.IPv4(LaneParts.Loopback, (ushort)Address.Port), mark: 0);

    public void Dispose()
    {
        if (_fd >= 0)
            StopListening();
        Connections.ForEach(connection => connection.Dispose());
    }
}
