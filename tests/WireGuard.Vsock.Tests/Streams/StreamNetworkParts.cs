using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>The network over streams on real sockets of the loopback interface, with a clock set by hand and no lanes.</summary>
internal sealed class StreamNetworkParts : IDisposable, INetworkEvents
{
    public const uint Loopback = 0x7f000001;

    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly Published _published = new();
    private readonly GracePeriod _grace = new([]);
    private readonly RouteQuery _routes = new();
    private readonly int _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
    private readonly int _wake = Sys.Check(Sys.EventFd(), "eventfd");
    private readonly List<Socket> _clients = [];

    public StreamNetworkParts()
    {
        Loop = new EventLoop(() => NowMs);
        Far.Start();
        var connections = new OpenConnections(Loop, _inbox, [new LaneDescriptors(_epoll, _wake)], _published, _grace, Log);
        var hellos = new Hellos(Loop, _aead, new Hello(0, HelloFeatures.None), Log);
        Network = new StreamNetwork(NetworkKind.Tcp4, Loop, connections, hellos, streams: 1, _routes, Log) { Events = this };
    }

    public StreamNetwork Network { get; }

    public EventLoop Loop { get; }

    public long NowMs { get; set; } = 1_000_000;

    public LinesLogger Log { get; } = new();

    /// <summary>Where peers listen.</summary>
    public TcpListener Far { get; } = new(IPAddress.Loopback, 0);

    public ushort FarPort => (ushort)((IPEndPoint)Far.LocalEndpoint).Port;

    public EndpointAddress FarEndpoint => EndpointAddress.IPv4(Loopback, FarPort);

    public Tunnel Tunnel { get; } = new(1_000_000);

    public Tunnel Other { get; } = new(1_000_000);

    public Peer Peer => Tunnel.Peer;

    public StreamConnection[] Open => [.. _published.Connections.Values.OrderBy(connection => connection.Id)];

    public int Reached { get; private set; }

    public int Reachable { get; private set; }

    public int Unreached { get; private set; }

    public Action OnDeadlineMoved { get; set; } = () => { };

    public void Dispose()
    {
        Network.Close();
        _grace.Poll();
        _clients.ForEach(client => client.Dispose());
        Far.Dispose();
        Tunnel.Dispose();
        Other.Dispose();
        _routes.Dispose();
        _aead.Dispose();
        Loop.Dispose();
        _inbox.Dispose();
        Sys.Close(_epoll);
        Sys.Close(_wake);
    }

    void INetworkEvents.OnReached(Peer peer) => Reached++;

    void INetworkEvents.OnReachable(Peer peer) => Reachable++;

    void INetworkEvents.OnUnreached(Peer peer) => Unreached++;

    void INetworkEvents.OnMoved(Peer peer) { }

    void INetworkEvents.OnDeadlineMoved(Peer peer) => OnDeadlineMoved();

    /// <summary>An unauthenticated connection comes in.</summary>
    /// <returns>All that are open then.</returns>
    public StreamConnection[] Accept()
    {
        int before = Open.Length;
        NewClient();
        RunUntil(() => Open.Length > before);
        return Open;
    }

    public void NewClient()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _clients.Add(client);
        client.Connect(IPAddress.Loopback, Network.Port);
    }

    public StreamConnection Dial() => Dial(Peer);

    public StreamConnection Dial(Peer peer)
    {
        peer.Endpoint = FarEndpoint;
        int before = Open.Length;
        Assert.False(Network.TryReach(peer));
        RunUntil(() => Open.Length > before);
        return Open[^1];
    }

    /// <summary>A message with the newest counter comes in on it, as a lane would say.</summary>
    public void Hear(StreamConnection connection, Tunnel tunnel)
    {
        connection.Received(tunnel.Peer, tunnel.Keypair, isNewest: true, NowMs);
        Follow(connection);
    }

    /// <summary>The first message on it says that it joins the peer's others.</summary>
    public void Join(StreamConnection connection, Tunnel tunnel)
    {
        connection.Join();
        Hear(connection, tunnel);
    }

    public void Follow(StreamConnection connection)
    {
        Assert.True(_inbox.TryTake(out StreamConnection? signalled));
        Assert.Same(connection, signalled);
        Network.OnSignals(connection);
    }

    public void Pass(int ms)
    {
        NowMs += ms;
        Loop.RunOnce(0);
    }

    public void RunUntil(Func<bool> isDone)
    {
        for (int turn = 0; !isDone(); turn++)
        {
            Assert.True(turn < 100, "nothing comes of it");
            Loop.RunOnce(1_000);
        }
    }
}
