using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>The network over streams on real sockets of the loopback interface, with a clock set by hand and no lanes.</summary>
public sealed class StreamNetworkTests : IDisposable, INetworkEvents
{
    private const uint Loopback = 0x7f000001;

    private readonly ControlInbox _inbox = new();
    private readonly EventLoop _loop;
    private readonly Aead _aead = new();
    private readonly Published _published = new();
    private readonly GracePeriod _grace = new([]);
    private readonly RouteQuery _routes = new();
    private readonly LinesLogger _log = new();
    private readonly int _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
    private readonly int _wake = Sys.Check(Sys.EventFd(), "eventfd");
    private readonly TcpListener _far = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _clients = [];
    private readonly Tunnel _tunnel = new(1_000_000);
    private readonly Tunnel _other = new(1_000_000);
    private readonly StreamNetwork _network;
    private long _nowMs = 1_000_000;
    private int _reached;
    private int _reachable;
    private int _unreached;
    private Action _onDeadlineMoved = () => { };

    public StreamNetworkTests()
    {
        _loop = new EventLoop(() => _nowMs);
        _far.Start();
        var connections = new OpenConnections(_loop, _inbox, [new LaneDescriptors(_epoll, _wake)], _published, _grace, _log);
        var hellos = new Hellos(_loop, _aead, new Hello(0, HelloFeatures.None), _log);
        _network = new StreamNetwork(NetworkKind.Tcp4, _loop, connections, hellos, streams: 1, _routes, _log) { Events = this };
    }

    private Peer Peer => _tunnel.Peer;

    private StreamConnection[] Open => [.. _published.Connections.Values.OrderBy(connection => connection.Id)];

    public void Dispose()
    {
        _network.Close();
        _grace.Poll();
        _clients.ForEach(client => client.Dispose());
        _far.Dispose();
        _tunnel.Dispose();
        _other.Dispose();
        _routes.Dispose();
        _aead.Dispose();
        _loop.Dispose();
        _inbox.Dispose();
        Sys.Close(_epoll);
        Sys.Close(_wake);
    }

    void INetworkEvents.OnReached(Peer peer) => _reached++;

    void INetworkEvents.OnReachable(Peer peer) => _reachable++;

    void INetworkEvents.OnUnreached(Peer peer) => _unreached++;

    void INetworkEvents.OnMoved(Peer peer) { }

    void INetworkEvents.OnDeadlineMoved(Peer peer) => _onDeadlineMoved();

    // ---- listening --------------------------------------------------------------------------------------------------

    [Fact]
    public void Ephemeral_port_is_no_well_known_one_and_is_listened_on()
    {
        _network.Open(0);
        Assert.InRange(_network.Port, 1024, 65535);
        Assert.Single(Accept());
        _network.Close();
        Assert.False(_network.IsOpen);
        Assert.Equal(0, _network.Port);
        Assert.Throws<SocketException>(NewClient);
    }

    [Fact]
    public void Port_that_is_taken_changes_nothing()
    {
        _network.Open(0);
        ushort before = _network.Port, taken = (ushort)((IPEndPoint)_far.LocalEndpoint).Port;
        LinuxException refused = Assert.Throws<LinuxException>(() => _network.Open(taken));
        Assert.Equal(Errno.EADDRINUSE, refused.Errno);
        Assert.Equal(before, _network.Port);
        Assert.Single(Accept());
    }

    [Fact]
    public void Peers_are_dialled_though_the_port_is_taken()
    {
        ushort taken = (ushort)((IPEndPoint)_far.LocalEndpoint).Port;
        Assert.Throws<LinuxException>(() => _network.Open(taken));
        Assert.Equal((true, 0), (_network.IsOpen, _network.Port));
        Peer.Endpoint = EndpointAddress.IPv4(Loopback, taken);
        Assert.False(_network.TryReach(Peer));
        _loop.RunOnce(10_000);
        Assert.Equal(1, _reached);
        Assert.Single(Open);
    }

    [Fact]
    public void A_dial_that_fails_is_said_in_words_until_one_succeeds()
    {
        _network.Open(0);
        ushort port = (ushort)((IPEndPoint)_far.LocalEndpoint).Port;
        _far.Stop();
        Peer.Endpoint = EndpointAddress.IPv4(Loopback, port);
        Assert.False(_network.TryReach(Peer));
        _loop.RunOnce(10_000);
        Assert.Equal("connect: Connection refused", Peer.Hindrance?.Text(_nowMs));
        Assert.Equal(1, _unreached);
        _far.Start();
        Peer.Endpoint = EndpointAddress.IPv4(Loopback, (ushort)((IPEndPoint)_far.LocalEndpoint).Port);
        _network.OnEndpointSet(Peer, EndpointAddress.IPv4(Loopback, port));
        Assert.Null(Peer.Hindrance);
        Assert.False(_network.TryReach(Peer));
        _loop.RunOnce(10_000);
        Assert.Null(Peer.Hindrance?.Text(_nowMs));
        Assert.Equal(1, _unreached);
    }

    [Fact]
    public void Another_port_takes_the_place_of_the_one_before_and_connections_stay()
    {
        _network.Open(0);
        ushort before = _network.Port;
        Accept();
        _network.Open(0);
        Assert.NotEqual(before, _network.Port);
        Assert.Equal(2, Accept().Length);
    }

    [TunFact]
    public void Sockets_that_are_accepted_and_dialled_carry_the_mark()
    {
        _network.SetMark(7);
        _network.Open(0);
        StreamConnection accepted = Assert.Single(Accept());
        StreamConnection dialed = Dial();
        Assert.Equal((7, 7), (MarkOf(accepted), MarkOf(dialed)));
        _network.SetMark(8);
        Assert.Equal((8, 8), (MarkOf(accepted), MarkOf(dialed)));
    }

    // ---- dialling ---------------------------------------------------------------------------------------------------

    [Fact]
    public void Peer_is_dialled_on_demand_and_a_handshake_goes_there()
    {
        _network.Open(0);
        StreamConnection dialed = Dial();
        Assert.Equal(1, _reached);
        Assert.True(_network.TryReach(Peer));
        Assert.Null(Peer.Destination);
        using Socket far = _far.AcceptSocket();
        _network.SendHandshake(Peer, new byte[148]);
        byte[] frame = new byte[FrameCodec.HeaderSize + 148];
        for (int filled = 0; filled < frame.Length;)
            filled += far.Receive(frame.AsSpan(filled));
        Hear(dialed, _tunnel);
        Assert.Same(dialed, Peer.Destination);
        Assert.Equal(1, _reachable);
    }

    [Fact]
    public void Peer_is_not_dialled_while_the_network_is_closed_or_once_it_is_removed()
    {
        Peer.Endpoint = FarEndpoint;
        Assert.False(_network.TryReach(Peer));
        Assert.Equal(long.MaxValue, _network.NextDeadline(Peer));
        _network.Open(0);
        Peer.IsRemoved = true;
        Assert.False(_network.TryReach(Peer));
        Assert.Equal(long.MaxValue, _network.NextDeadline(Peer));
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public void Endpoint_that_refuses_is_dialled_again_after_the_backoff()
    {
        _network.Open(0);
        Peer.Endpoint = FarEndpoint;
        _far.Stop();
        Assert.False(_network.TryReach(Peer));
        RunUntil(() => _log.Lines.Any(line => line.Contains("not again for", StringComparison.Ordinal)));
        Assert.InRange(_network.NextDeadline(Peer), _nowMs + 500, _nowMs + 625);
        Assert.Equal(0, _reached);
        _far.Start();
        Peer.Endpoint = FarEndpoint;
        _nowMs = _network.NextDeadline(Peer);
        _loop.RunOnce(0);
        _network.OnDeadline(Peer);
        RunUntil(() => _reached == 1);
    }

    [Fact]
    public void Connection_on_which_nobody_authenticates_is_closed_after_10_s_and_has_failed_if_it_was_dialled()
    {
        _network.Open(0);
        Dial();
        Accept();
        Pass(9_999);
        _network.Sweep();
        Assert.Equal(2, Open.Length);
        Pass(1);
        _network.Sweep();
        Assert.Empty(Open);
        Assert.Equal(2, _log.Lines.Count(line => line.EndsWith("nobody has authenticated on it", StringComparison.Ordinal)));
        Assert.InRange(_network.NextDeadline(Peer), _nowMs + 500, _nowMs + 625);
    }

    // ---- whose a connection is --------------------------------------------------------------------------------------

    [Fact]
    public void First_authentic_message_makes_a_connection_the_peers_and_the_newest_counter_the_one_in_use()
    {
        _network.Open(0);
        StreamConnection first = Accept()[0], second = Accept()[1];
        Hear(first, _tunnel);
        Assert.Same(first, Peer.Destination);
        Assert.True(first.IsInUse);
        Hear(second, _tunnel);
        Assert.Same(second, Peer.Destination);
        Assert.Equal((false, true), (first.IsInUse, second.IsInUse));
        Assert.Equal(_nowMs + 10_000, _network.NextDeadline(Peer));
        Pass(10_000);
        _network.OnDeadline(Peer);
        Assert.Equal([second], Open);
        Assert.True(first.IsFailed);
    }

    [Fact]
    public void Connection_on_which_another_peer_authenticates_is_that_ones_alone()
    {
        _network.Open(0);
        StreamConnection shared = Accept()[0];
        Hear(shared, _tunnel);
        Hear(shared, _other);
        Assert.Null(Peer.Destination);
        Assert.Same(shared, _other.Peer.Destination);
        shared.Fail();
        Follow(shared);
        Assert.Null(_other.Peer.Destination);
        Assert.Empty(Open);
    }

    [Fact]
    public void Connection_that_was_dialled_and_on_which_another_peer_authenticates_ends_the_attempt()
    {
        _network.Open(0);
        StreamConnection dialed = Dial();
        Hear(dialed, _other);
        Assert.Same(dialed, _other.Peer.Destination);
        Assert.Equal(long.MaxValue, _network.NextDeadline(Peer));
        Assert.Null(Peer.Destination);
    }

    [Fact]
    public void Connection_that_has_ended_is_found_by_nobody_and_what_it_dropped_is_counted_to_its_peer()
    {
        _network.Open(0);
        StreamConnection broken = Accept()[0];
        Hear(broken, _tunnel);
        broken.Fail();
        broken.Send(new byte[92], _nowMs);
        Assert.Equal(1, _network.TotalsOf(Peer).DroppedFrames);
        Follow(broken);
        Assert.Equal((0, 1), (_network.TotalsOf(Peer).DroppedFrames, Peer.DroppedPackets));
        Assert.Empty(Open);
        Assert.Null(Peer.Destination);
        // What lanes had still to say of it is nothing now.
        broken.Received(Peer, _tunnel.Keypair, isNewest: true, _nowMs);
        Follow(broken);
        Assert.Null(Peer.Destination);
    }

    [Fact]
    public void Removed_peer_loses_its_connections_and_comes_by_none()
    {
        _network.Open(0);
        StreamConnection used = Accept()[0], late = Accept()[1];
        Hear(used, _tunnel);
        Peer.IsRemoved = true;
        _network.OnRemoved(Peer);
        Assert.Equal([late], Open);
        Assert.Null(Peer.Destination);
        Hear(late, _tunnel);
        Assert.Empty(Open);
        Assert.Null(Peer.Destination);
    }

    [Fact]
    public void Connection_that_another_peer_had_meanwhile_is_again_used_beside_those_it_was_used_with()
    {
        _network.Open(0);
        StreamConnection first = Accept()[0], second = Accept()[1], third = Accept()[2];
        Hear(first, _tunnel);
        Join(second, _tunnel);
        Join(third, _tunnel);
        foreach (StreamConnection lent in (StreamConnection[])[first, second, third])
        {
            Hear(lent, _other);
            Assert.Same(lent, _other.Peer.Destination);
            Assert.DoesNotContain(lent, Peer.StreamByLane);
            Hear(lent, _tunnel);
            Assert.All(Open, connection => Assert.True(connection.IsInUse));
            Assert.Null(_other.Peer.Destination);
        }

        Assert.DoesNotContain(_log.Lines, line => line.Contains("taken its place", StringComparison.Ordinal));
    }

    [Fact]
    public void Connection_that_joins_is_answered_before_lanes_use_it()
    {
        _network.Open(0);
        StreamConnection first = Accept()[0], joining = Accept()[1];
        Hear(first, _tunnel);
        bool? wasUsed = null;
        _log.OnLine = line =>
        {
            if (line.Contains("HELLO", StringComparison.Ordinal))
                wasUsed ??= joining.IsInUse || Peer.StreamByLane.Contains(joining);
        };
        Join(joining, _tunnel);
        Assert.False(wasUsed);
        Assert.True(joining.IsInUse);
    }

    [Fact]
    public void Hello_is_said_once_on_each_connection_that_takes_the_place_of_another()
    {
        _network.Open(0);
        StreamConnection first = Accept()[0], second = Accept()[1];
        foreach ((StreamConnection connection, int said) in ((StreamConnection, int)[])[(first, 1), (second, 2), (first, 2)])
        {
            Hear(connection, _tunnel);
            Assert.Same(connection, Peer.Destination);
            Assert.Equal(said, _log.Lines.Count(line => line.Contains("HELLO", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void Connection_that_fails_while_it_becomes_a_peers_is_closed_though_that_peer_is_removed()
    {
        _network.Open(0);
        StreamConnection shared = Accept()[0];
        Hear(shared, _tunnel);
        // As a lane does, just when the peer before is told that it has lost the connection.
        _onDeadlineMoved = shared.Fail;
        shared.Received(_other.Peer, _other.Keypair, isNewest: true, _nowMs);
        Follow(shared);
        Assert.False(shared.IsInUse);
        _network.OnRemoved(_other.Peer);
        Follow(shared);
        Assert.Empty(Open);
    }

    [Fact]
    public void Message_of_a_removed_peer_closes_a_connection_that_was_dialled_for_another_without_a_failure()
    {
        _network.Open(0);
        StreamConnection dialed = Dial();
        _other.Peer.IsRemoved = true;
        Hear(dialed, _other);
        Assert.Empty(Open);
        Assert.Equal(long.MaxValue, _network.NextDeadline(Peer));
        Assert.DoesNotContain(_log.Lines, line => line.Contains("not again for", StringComparison.Ordinal));
    }

    [Fact]
    public void Network_that_closes_has_no_connection_left()
    {
        _network.Open(0);
        Hear(Accept()[0], _tunnel);
        Accept();
        Dial(_other.Peer);
        _network.Close();
        Assert.Empty(Open);
        Assert.Null(Peer.Destination);
        Assert.Equal(3, _log.Lines.Count(line => line.EndsWith("the interface is down", StringComparison.Ordinal)));
    }

    private EndpointAddress FarEndpoint => EndpointAddress.IPv4(Loopback, (ushort)((IPEndPoint)_far.LocalEndpoint).Port);

    private static int MarkOf(StreamConnection connection)
    {
        Assert.Equal(0, Sys.GetOption(connection.Fd, SOL_SOCKET, SO_MARK, out int mark));
        return mark;
    }

    /// <summary>Somebody calls.</summary>
    /// <returns>All that are open then.</returns>
    private StreamConnection[] Accept()
    {
        int before = Open.Length;
        NewClient();
        RunUntil(() => Open.Length > before);
        return Open;
    }

    private void NewClient()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _clients.Add(client);
        client.Connect(IPAddress.Loopback, _network.Port);
    }

    private StreamConnection Dial() => Dial(Peer);

    private StreamConnection Dial(Peer peer)
    {
        peer.Endpoint = FarEndpoint;
        int before = Open.Length;
        Assert.False(_network.TryReach(peer));
        RunUntil(() => Open.Length > before);
        return Open[^1];
    }

    /// <summary>A message with the newest counter comes in on it, as a lane would say.</summary>
    private void Hear(StreamConnection connection, Tunnel tunnel)
    {
        connection.Received(tunnel.Peer, tunnel.Keypair, isNewest: true, _nowMs);
        Follow(connection);
    }

    /// <summary>The first message on it says that it joins the peer's others.</summary>
    private void Join(StreamConnection connection, Tunnel tunnel)
    {
        connection.Join();
        Hear(connection, tunnel);
    }

    private void Follow(StreamConnection connection)
    {
        Assert.True(_inbox.TryTake(out StreamConnection? signalled));
        Assert.Same(connection, signalled);
        _network.OnSignals(connection);
    }

    private void Pass(int ms)
    {
        _nowMs += ms;
        _loop.RunOnce(0);
    }

    private void RunUntil(Func<bool> isDone)
    {
        for (int turn = 0; !isDone(); turn++)
        {
            Assert.True(turn < 100, "nothing comes of it");
            _loop.RunOnce(1_000);
        }
    }
}
