using System.Net;
using System.Net.Sockets;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>
/// Real sockets on the loopback of a namespace of their own, where no other process has a port. Alone: while another test starts
/// a process, that has copies of our descriptors until it executes, and a port that we close stays taken for as long.
/// </summary>
[Collection(Alone.Name)]
public sealed class UdpNetworkTests
{
    private const ushort Port = 51820;

    private static readonly byte[] s_message = [1, 2, 3, 4];

    [TunTheory]
    [InlineData(1)]
    [InlineData(3)]
    public void Every_lane_has_a_socket_of_both_families_on_one_port(int lanes) => Run(lanes, udp =>
    {
        udp.Network.Open(0);
        Assert.True(udp.Network.IsOpen);
        Assert.NotEqual(0, udp.Network.Port);
        Assert.All(udp.Sockets, socket => Assert.Equal(udp.Network.Port, socket.LocalPort));
        Assert.Equal(lanes, udp.Sockets.Count(socket => socket.IsIPv6));
        Assert.Equal(lanes, udp.Sockets.Count(socket => !socket.IsIPv6));
    });

    [TunTheory]
    [InlineData("udp4", false)]
    [InlineData("udp6", true)]
    public void One_family_alone_is_bound_when_it_is_asked_for(string word, bool isIPv6) => Run(2, word, udp =>
    {
        udp.Network.Open(Port);
        Assert.All(udp.Sockets, socket => Assert.Equal(isIPv6, socket.IsIPv6));
        Assert.Equal(2, udp.Sockets.Count);
        using var other = new Socket(
            isIPv6 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
        other.Bind(new IPEndPoint(isIPv6 ? IPAddress.Any : IPAddress.IPv6Any, Port));
    });

    [TunTheory]
    [InlineData(1)]
    [InlineData(3)]
    public void Port_that_is_taken_changes_nothing_and_the_old_sockets_stay(int lanes) => Run(lanes, udp =>
    {
        using Socket other = Udp.NewSocket(IPAddress.Any, Port + 1);
        udp.Network.Open(Port);
        List<UdpSocket> before = udp.Sockets;
        LinuxException refused = Assert.Throws<LinuxException>(() => udp.Network.Open(Port + 1));
        Assert.Equal(Errno.EADDRINUSE, refused.Errno);
        Assert.Equal(before, udp.Sockets);
        Assert.Equal(Port, udp.Network.Port);
        udp.Network.SendHandshake(udp.PeerAt(udp.One), s_message);
        Assert.Equal(Port, Udp.Receive(udp.One).Port);
    });

    [TunTheory]
    [InlineData(1)]
    [InlineData(3)]
    public void Port_that_is_taken_in_IPv6_alone_is_taken(int lanes) => Run(lanes, udp =>
    {
        using Socket other = Udp.NewSocket(IPAddress.IPv6Any, Port);
        Assert.Equal(Errno.EADDRINUSE, Assert.Throws<LinuxException>(() => udp.Network.Open(Port)).Errno);
        Assert.False(udp.Network.IsOpen);
        // Nothing of it is left behind.
        Udp.NewSocket(IPAddress.Any, Port).Dispose();
    });

    [TunFact]
    public void Port_of_another_daemon_that_shares_it_among_its_lanes_is_taken() => Run(2, udp =>
    {
        using var other = new Udp(2, NetworkKind.Udp);
        other.Network.Open(Port);
        Assert.Equal(Errno.EADDRINUSE, Assert.Throws<LinuxException>(() => udp.Network.Open(Port)).Errno);
    });

    [TunFact]
    public void Ephemeral_port_is_looked_for_until_it_is_free_in_both_families() => Run(1, udp =>
    {
        // The kernel gives out these two alone, and one of them is taken in IPv6.
        Namespace.Sh("sysctl -qw net.ipv4.ip_local_port_range='40000 40001'");
        using Socket other = Udp.NewSocket(IPAddress.IPv6Any, 40000);
        udp.Network.Open(0);
        Assert.Equal(40001, udp.Network.Port);
        Assert.Equal(2, udp.Sockets.Count);
    });

    [TunFact]
    public void Ephemeral_port_stays_the_devices_after_the_link_was_down() => Run(2, udp =>
    {
        using var control = new ControlParts(udp.Network);
        control.Device.IsUp = true;
        Assert.Equal(0, control.Configurator.TryListen(0));
        ushort port = udp.Network.Port;
        udp.Network.Close();
        Assert.Equal((false, 0), (udp.Network.IsOpen, udp.Network.Port));
        Assert.Equal(0, control.Configurator.TryListen(control.Device.ListenPort));
        Assert.Equal(port, udp.Network.Port);
    });

    [TunFact]
    public void Port_that_is_bound_already_is_not_bound_anew() => Run(2, udp =>
    {
        udp.Network.Open(Port);
        List<UdpSocket> before = udp.Sockets;
        udp.Network.Open(Port);
        Assert.Equal(before, udp.Sockets);
    });

    [TunFact]
    public void Mark_is_set_on_all_sockets_now_and_later() => Run(2, udp =>
    {
        udp.Network.SetMark(5);
        udp.Network.Open(0);
        Assert.Equal([5, 5, 5, 5], udp.Sockets.Select(MarkOf));
        udp.Network.SetMark(6);
        Assert.Equal([6, 6, 6, 6], udp.Sockets.Select(MarkOf));
        udp.Network.Open(Port);
        Assert.Equal([6, 6, 6, 6], udp.Sockets.Select(MarkOf));
        udp.Network.SetMark(0);
        Assert.Equal([0, 0, 0, 0], udp.Sockets.Select(MarkOf));
    });

    [TunTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Peer_that_roams_is_sent_to_where_it_came_from(bool isIPv6) => Run(2, udp =>
    {
        udp.Network.Open(Port);
        Socket second = isIPv6 ? udp.TwoIPv6 : udp.Two;
        Peer peer = udp.PeerAt(udp.One);
        udp.Roam(peer, second);
        udp.Network.SendHandshake(peer, s_message);
        Assert.Equal(Port, Udp.Receive(second).Port);
        Assert.Equal(0, udp.One.Available);
    });

    [TunFact]
    public void Endpoint_that_is_set_again_takes_a_peer_back_that_has_roamed() => Run(2, udp =>
    {
        udp.Network.Open(Port);
        Peer peer = udp.PeerAt(udp.One);
        udp.Roam(peer, udp.Two);
        udp.Network.OnEndpointSet(peer, peer.Endpoint);
        udp.Network.SendHandshake(peer, s_message);
        Udp.Receive(udp.One);
        Assert.Equal(0, udp.Two.Available);
    });

    [TunFact]
    public void Endpoint_that_is_taken_away_leaves_a_peer_where_it_is() => Run(1, udp =>
    {
        udp.Network.Open(Port);
        Peer peer = udp.PeerAt(udp.One);
        EndpointAddress? before = peer.Endpoint;
        peer.Endpoint = null;
        udp.Network.OnEndpointSet(peer, before);
        udp.Network.SendHandshake(peer, s_message);
        Udp.Receive(udp.One);
    });

    [TunFact]
    public void Authentic_handshake_from_elsewhere_moves_the_peer_and_is_answered_there() => Run(1, udp =>
    {
        udp.Network.Open(Port);
        Peer peer = udp.PeerAt(udp.One);
        UdpDestination from = DestinationOf(udp.Two);
        udp.Network.OnAuthenticated(peer, from);
        udp.Network.Answer(from, s_message);
        Udp.Receive(udp.Two);
        // What stood for the sender stands for another with the next message.
        Assert.True(from.TryAssign(SockaddrOf(udp.One), SourceOf(udp.One)));
        udp.Network.SendHandshake(peer, s_message);
        Udp.Receive(udp.Two);
        Assert.Equal(0, udp.One.Available);
    });

    [TunFact]
    public void Source_address_that_is_gone_is_left_to_the_routing_table() => Run(1, udp =>
    {
        udp.Network.Open(Port);
        Namespace.Sh("ip address add 192.0.2.7/32 dev lo");
        Peer peer = udp.PeerAt(udp.One);
        udp.Network.OnRoamed(peer, new UdpDestination(SockaddrOf(udp.Two), InPktInfo(IPAddress.Parse("192.0.2.7"))));
        udp.Network.SendHandshake(peer, s_message);
        Assert.Equal(IPAddress.Parse("192.0.2.7"), Udp.Receive(udp.Two).Address);
        Namespace.Sh("ip address del 192.0.2.7/32 dev lo");
        udp.Network.SendHandshake(peer, s_message);
        Assert.Equal(IPAddress.Loopback, Udp.Receive(udp.Two).Address);
    });

    [TunFact]
    public void Peer_can_be_reached_while_the_network_is_open_and_it_is_known_where_the_peer_is() => Run(1, udp =>
    {
        Peer peer = udp.PeerAt(udp.One), unknown = udp.NewPeer();
        Assert.False(udp.Network.TryReach(peer));
        udp.Network.SendHandshake(peer, s_message);
        udp.Network.Open(Port);
        Assert.True(udp.Network.TryReach(peer));
        Assert.False(udp.Network.TryReach(unknown));
        udp.Network.SendHandshake(unknown, s_message);
        udp.Network.OnRemoved(peer);
        Assert.False(udp.Network.TryReach(peer));
        Assert.Equal(0, udp.One.Available);
    });

    [TunFact]
    public void Sockets_are_closed_once_no_lane_can_hold_them() => Run(2, udp =>
    {
        udp.Network.Open(Port);
        LaneEpoch lane = udp.Lanes[1].Epoch;
        lane.Enter();
        udp.Network.Close();
        Assert.Empty(udp.Sockets);
        udp.Grace.Poll();
        // The lane may still send on it.
        Assert.Throws<SocketException>(() => Udp.NewSocket(IPAddress.Any, Port));
        lane.Leave();
        udp.Grace.Poll();
        Udp.NewSocket(IPAddress.Any, Port).Dispose();
    });

    [TunFact]
    public void Sockets_of_another_port_are_closed_once_no_lane_can_hold_them() => Run(1, udp =>
    {
        udp.Network.Open(Port);
        udp.Lanes[0].Epoch.Enter();
        udp.Network.Open(Port + 1);
        udp.Grace.Poll();
        Assert.Throws<SocketException>(() => Udp.NewSocket(IPAddress.Any, Port));
        udp.Lanes[0].Epoch.Leave();
        udp.Grace.Poll();
        Udp.NewSocket(IPAddress.Any, Port).Dispose();
    });

    private static int MarkOf(UdpSocket socket)
    {
        Sys.Check(Sys.GetOption(socket.Fd, SOL_SOCKET, SO_MARK, out int mark), "getsockopt");
        return mark;
    }

    private static UdpDestination DestinationOf(Socket socket) => new(SockaddrOf(socket), SourceOf(socket));

    /// <summary>The address of a socket of the test's, as recvmsg(2) gives it.</summary>
    private static byte[] SockaddrOf(Socket socket)
    {
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        return sockaddr[..AddressOf(socket).WriteSockaddr(sockaddr)];
    }

    private static byte[] SourceOf(Socket socket) => socket.AddressFamily == AddressFamily.InterNetworkV6
        ? [.. IPAddress.IPv6Loopback.GetAddressBytes(), 0, 0, 0, 0]
        : InPktInfo(IPAddress.Loopback);

    /// <summary>struct in_pktinfo: an interface's index, the address to send from, and one that is ignored.</summary>
    private static byte[] InPktInfo(IPAddress source) => [0, 0, 0, 0, .. source.GetAddressBytes(), 0, 0, 0, 0];

    private static EndpointAddress AddressOf(Socket socket)
    {
        var local = (IPEndPoint)socket.LocalEndPoint!;
        return local.AddressFamily == AddressFamily.InterNetworkV6
            ? EndpointAddress.IPv6(1, (ushort)local.Port)
            : EndpointAddress.IPv4(0x7F000001, (ushort)local.Port);
    }

    private static void Run(int lanes, Action<Udp> test) => Run(lanes, "udp", test);

    private static void Run(int lanes, string word, Action<Udp> test) => Namespace.Run(() =>
    {
        Namespace.Sh("ip link set lo up");
        Assert.True(NetworkKind.TryFromWord(word, out NetworkKind kind));
        using var udp = new Udp(lanes, kind);
        test(udp);
    });

    /// <summary>A network with lanes that do not run, and three places where a peer may be.</summary>
    private sealed class Udp : IDisposable
    {
        private readonly ControlInbox _inbox = new();
        private readonly RouteQuery _routes = new();
        private readonly List<Peer> _peers = [];

        public Udp(int lanes, NetworkKind kind)
        {
            var queue = new TunQueue(new TunDevice("none", [], hasHeader: true, TunOffloads.None), 0);
            Lanes = [.. Enumerable.Range(0, lanes)
                .Select(i => new Lane(i, queue, readsTun: false, isStream: false, new Published(), _inbox))];
            Grace = new GracePeriod([.. Lanes.Select(lane => lane.Epoch)]);
            Network = new UdpNetwork(kind, Lanes, Grace, UdpOffloads.None, _routes, reserve: null, new LinesLogger());
            One = NewSocket(IPAddress.Loopback, 0);
            Two = NewSocket(IPAddress.Loopback, 0);
            TwoIPv6 = NewSocket(IPAddress.IPv6Loopback, 0);
        }

        public UdpNetwork Network { get; }

        public List<Lane> Lanes { get; }

        public GracePeriod Grace { get; }

        public Socket One { get; }

        public Socket Two { get; }

        public Socket TwoIPv6 { get; }

        /// <summary>The sockets that lanes see.</summary>
        public List<UdpSocket> Sockets =>
            [.. Lanes.SelectMany(lane => new[] { lane.Sockets?.IPv4, lane.Sockets?.IPv6 }).OfType<UdpSocket>()];

        public static Socket NewSocket(IPAddress address, int port)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 30_000 };
            try
            {
                if (address.AddressFamily == AddressFamily.InterNetworkV6)
                    socket.DualMode = false;
                socket.Bind(new IPEndPoint(address, port));
                return socket;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        public Peer NewPeer()
        {
            Peer peer = Tunnel.NewPeer();
            _peers.Add(peer);
            return peer;
        }

        /// <summary>A peer whose endpoint is set to a socket of the test's.</summary>
        public Peer PeerAt(Socket socket)
        {
            Peer peer = NewPeer();
            peer.Endpoint = AddressOf(socket);
            Network.OnEndpointSet(peer, previous: null);
            return peer;
        }

        /// <summary>An authentic datagram of the peer comes from there.</summary>
        public void Roam(Peer peer, Socket to)
        {
            peer.RoamTo(SockaddrOf(to), SourceOf(to), _inbox);
            Network.OnRoamed(peer, peer.TakeRoaming()!);
        }

        /// <summary>Receives the message.</summary>
        /// <returns>Where it came from.</returns>
        public static IPEndPoint Receive(Socket socket)
        {
            byte[] message = new byte[100];
            EndPoint from = new IPEndPoint(
                socket.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
            int n = socket.ReceiveFrom(message, ref from);
            Assert.Equal(s_message, message[..n]);
            return (IPEndPoint)from;
        }

        public void Dispose()
        {
            Network.Close();
            Grace.Poll();
            Lanes.ForEach(lane => lane.Dispose());
            _peers.ForEach(peer => peer.Leave());
            One.Dispose();
            Two.Dispose();
            TwoIPv6.Dispose();
            _routes.Dispose();
            _inbox.Dispose();
        }
    }
}
