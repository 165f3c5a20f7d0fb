using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>The network over streams listens, dials, and closes its connections.</summary>
public sealed class StreamNetworkTests : IDisposable
{
    private readonly StreamNetworkParts _parts = new();

    public void Dispose() => _parts.Dispose();

    private StreamNetwork Network => _parts.Network;

    private Peer Peer => _parts.Peer;

    /// <summary>A port that refuses connections, and is held, so that no other test comes to listen on it.</summary>
    private static Socket HoldClosedPort(out ushort port)
    {
        Socket held = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        held.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        port = (ushort)((IPEndPoint)held.LocalEndPoint!).Port;
        return held;
    }

    // ---- listening --------------------------------------------------------------------------------------------------

    [Fact]
    public void Ephemeral_port_is_no_well_known_one_and_is_listened_on()
    {
        Network.Open(0);
        Assert.InRange(Network.Port, 1024, 65535);
        Assert.Single(_parts.Accept());
        Network.Close();
        Assert.False(Network.IsOpen);
        Assert.Equal(0, Network.Port);
        Assert.Throws<SocketException>(_parts.NewClient);
    }

    [Fact]
    public void Port_that_is_taken_changes_nothing()
    {
        Network.Open(0);
        ushort before = Network.Port, taken = _parts.FarPort;
        LinuxException refused = Assert.Throws<LinuxException>(() => Network.Open(taken));
        Assert.Equal(Errno.EADDRINUSE, refused.Errno);
        Assert.Equal(before, Network.Port);
        Assert.Single(_parts.Accept());
    }

    [Fact]
    public void Peers_are_dialled_though_the_port_is_taken()
    {
        ushort taken = _parts.FarPort;
        Assert.Throws<LinuxException>(() => Network.Open(taken));
        Assert.Equal((true, 0), (Network.IsOpen, Network.Port));
        Peer.Endpoint = EndpointAddress.IPv4(StreamNetworkParts.Loopback, taken);
        Assert.False(Network.TryReach(Peer));
        _parts.Loop.RunOnce(10_000);
        Assert.Equal(1, _parts.Reached);
        Assert.Single(_parts.Open);
    }

    [Fact]
    public void A_dial_that_fails_is_said_in_words_until_one_succeeds()
    {
        Network.Open(0);
        using Socket held = HoldClosedPort(out ushort port);
        Peer.Endpoint = EndpointAddress.IPv4(StreamNetworkParts.Loopback, port);
        Assert.False(Network.TryReach(Peer));
        _parts.Loop.RunOnce(10_000);
        Assert.Equal("connect: Connection refused", Peer.Hindrance?.Text(_parts.NowMs));
        Assert.Equal(1, _parts.Unreached);
        Peer.Endpoint = EndpointAddress.IPv4(StreamNetworkParts.Loopback, _parts.FarPort);
        Network.OnEndpointSet(Peer, EndpointAddress.IPv4(StreamNetworkParts.Loopback, port));
        Assert.Null(Peer.Hindrance);
        Assert.False(Network.TryReach(Peer));
        _parts.Loop.RunOnce(10_000);
        Assert.Null(Peer.Hindrance?.Text(_parts.NowMs));
        Assert.Equal(1, _parts.Unreached);
    }

    [Fact]
    public void Another_port_takes_the_place_of_the_one_before_and_connections_stay()
    {
        Network.Open(0);
        ushort before = Network.Port;
        _parts.Accept();
        Network.Open(0);
        Assert.NotEqual(before, Network.Port);
        Assert.Equal(2, _parts.Accept().Length);
    }

    [TunFact]
    public void Sockets_that_are_accepted_and_dialled_carry_the_mark()
    {
        Network.SetMark(7);
        Network.Open(0);
        StreamConnection accepted = Assert.Single(_parts.Accept());
        StreamConnection dialed = _parts.Dial();
        Assert.Equal((7, 7), (MarkOf(accepted), MarkOf(dialed)));
        Network.SetMark(8);
        Assert.Equal((8, 8), (MarkOf(accepted), MarkOf(dialed)));
    }

    // ---- dialling ---------------------------------------------------------------------------------------------------

    [Fact]
    public void Peer_is_dialled_on_demand_and_a_handshake_goes_there()
    {
        Network.Open(0);
        StreamConnection dialed = _parts.Dial();
        Assert.Equal(1, _parts.Reached);
        Assert.True(Network.TryReach(Peer));
        Assert.Null(Peer.Destination);
        using Socket far = _parts.Far.AcceptSocket();
        Network.SendHandshake(Peer, new byte[148]);
        byte[] frame = new byte[FrameCodec.HeaderSize + 148];
        for (int filled = 0; filled < frame.Length;)
            filled += far.Receive(frame.AsSpan(filled));
        _parts.Hear(dialed, _parts.Tunnel);
        Assert.Same(dialed, Peer.Destination);
        Assert.Equal(1, _parts.Reachable);
    }

    [Fact]
    public void Peer_is_not_dialled_while_the_network_is_closed_or_once_it_is_removed()
    {
        Peer.Endpoint = _parts.FarEndpoint;
        Assert.False(Network.TryReach(Peer));
        Assert.Equal(long.MaxValue, Network.NextDeadline(Peer));
        Network.Open(0);
        Peer.IsRemoved = true;
        Assert.False(Network.TryReach(Peer));
        Assert.Equal(long.MaxValue, Network.NextDeadline(Peer));
        Assert.Empty(_parts.Log.Lines);
    }

    [Fact]
    public void Endpoint_that_refuses_is_dialled_again_after_the_backoff()
    {
        Network.Open(0);
        using Socket held = HoldClosedPort(out ushort port);
        Peer.Endpoint = EndpointAddress.IPv4(StreamNetworkParts.Loopback, port);
        Assert.False(Network.TryReach(Peer));
        _parts.RunUntil(() => _parts.Log.Lines.Any(line => line.Contains("not again for", StringComparison.Ordinal)));
        Assert.InRange(Network.NextDeadline(Peer), _parts.NowMs + 500, _parts.NowMs + 625);
        Assert.Equal(0, _parts.Reached);
        Peer.Endpoint = _parts.FarEndpoint;
        _parts.NowMs = Network.NextDeadline(Peer);
        _parts.Loop.RunOnce(0);
        Network.OnDeadline(Peer);
        _parts.RunUntil(() => _parts.Reached == 1);
    }

    [Fact]
    public void Connection_on_which_nobody_authenticates_is_closed_after_10_s_and_has_failed_if_it_was_dialled()
    {
        Network.Open(0);
        _parts.Dial();
        _parts.Accept();
        _parts.Pass(9_999);
        Network.Sweep();
        Assert.Equal(2, _parts.Open.Length);
        _parts.Pass(1);
        Network.Sweep();
        Assert.Empty(_parts.Open);
        const string Reason = "no peer has authenticated on it";
        Assert.Equal(2, _parts.Log.Lines.Count(line => line.EndsWith(Reason, StringComparison.Ordinal)));
        Assert.InRange(Network.NextDeadline(Peer), _parts.NowMs + 500, _parts.NowMs + 625);
    }

    [Fact]
    public void Network_that_closes_has_no_connection_left()
    {
        Network.Open(0);
        _parts.Hear(_parts.Accept()[0], _parts.Tunnel);
        _parts.Accept();
        _parts.Dial(_parts.Other.Peer);
        Network.Close();
        Assert.Empty(_parts.Open);
        Assert.Null(Peer.Destination);
        Assert.Equal(3, _parts.Log.Lines.Count(line => line.EndsWith("the interface is down", StringComparison.Ordinal)));
    }

    private static int MarkOf(StreamConnection connection)
    {
        Assert.Equal(0, Sys.GetOption(connection.Fd, SOL_SOCKET, SO_MARK, out int mark));
        return mark;
    }
}
