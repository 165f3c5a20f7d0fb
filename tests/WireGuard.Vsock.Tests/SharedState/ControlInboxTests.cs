using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed class ControlInboxTests : IDisposable
{
    private readonly ControlInbox _inbox = new();
    private readonly Peer _peer = Tunnel.NewPeer();
    private readonly int _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
    private readonly EpollEvents _events = new(4);

    public ControlInboxTests() => Sys.Check(Sys.EpollAdd(_epoll, _inbox.Fd, EPOLLIN, 0), "epoll_ctl");

    public void Dispose()
    {
        Sys.Close(_epoll);
        _inbox.Dispose();
    }

    [Fact]
    public void Peer_is_queued_once_however_many_signals_it_has()
    {
        for (int i = 0; i < 100; i++)
        {
            _inbox.Post(_peer, PeerSignals.HasStaged);
            _inbox.Post(_peer, PeerSignals.TimerStarted);
        }

        Assert.True(_inbox.TryTake(out Peer? peer));
        Assert.Same(_peer, peer);
        Assert.False(_inbox.TryTake(out Peer? _));
        Assert.Equal(PeerSignals.HasStaged | PeerSignals.TimerStarted, peer.TakeSignals());
        Assert.Equal(PeerSignals.None, peer.TakeSignals());
    }

    [Fact]
    public void Signal_after_the_last_was_taken_queues_the_peer_again()
    {
        _inbox.Post(_peer, PeerSignals.HasStaged);
        Assert.True(_inbox.TryTake(out Peer? peer));
        _inbox.Post(_peer, PeerSignals.Confirmed); // before its signals were taken: they will be
        Assert.False(_inbox.TryTake(out Peer? _));
        Assert.Equal(PeerSignals.HasStaged | PeerSignals.Confirmed, peer.TakeSignals());
        _inbox.Post(_peer, PeerSignals.HasStaged);
        Assert.True(_inbox.TryTake(out Peer? _));
    }

    [Fact]
    public void Newest_address_is_the_one_a_peer_has_roamed_to()
    {
        _peer.RoamTo(Sockaddr(1, 1), default, _inbox);
        _peer.RoamTo(Sockaddr(2, 2), default, _inbox);
        Assert.True(_inbox.TryTake(out Peer? peer));
        Assert.Equal(PeerSignals.Roamed, peer.TakeSignals());
        Assert.Equal(EndpointAddress.IPv4(2, 2), peer.TakeRoaming()!.Address);
        Assert.Null(peer.TakeRoaming());
        Assert.Null(Tunnel.NewPeer().TakeRoaming());
    }

    [Fact]
    public void Peer_that_has_not_moved_keeps_its_destination_and_one_that_goes_to_and_fro_finds_both()
    {
        UdpDestination first = Roam(1)!, second = Roam(2)!;
        Assert.Null(Roam(2));
        Assert.Same(second, _peer.Destination);
        Assert.Same(first, Roam(1));
        Assert.Same(second, Roam(2));
    }

    [Fact]
    public void Roaming_with_every_datagram_makes_no_garbage()
    {
        Roam(1);
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (uint i = 0; i < 100; i++)
                Roam(i % 2);
        }));
    }

    [Fact]
    public void Connection_has_two_handshake_messages_waiting_whatever_others_have()
    {
        StreamConnection[] connections = [.. Enumerable.Range(1, 300).Select(i =>
            new StreamConnection(-1, (uint)i, EndpointAddress.IPv4(1, (ushort)i), isDialed: false, _inbox))];
        byte[] message = new byte[InitiationMessage.Size], taken = new byte[InitiationMessage.Size];
        foreach (StreamConnection connection in connections)
        {
            for (int i = 1; i <= 3; i++)
            {
                message[0] = (byte)i;
                int length = i == 1 ? InitiationMessage.Size : ResponseMessage.Size;
                Assert.Equal(i < 3, _inbox.TryPostHandshake(message.AsSpan(0, length), connection));
            }
        }

        Assert.Equal(600, _inbox.HandshakesWaiting);
        Assert.Equal(300, _inbox.CallersWaiting);
        foreach (StreamConnection connection in connections)
        {
            Assert.True(_inbox.TryTakeCaller(out StreamConnection? caller));
            Assert.Same(connection, caller);
            Assert.True(_inbox.TryTakeHandshake(caller, taken, out int length));
            Assert.Equal((1, InitiationMessage.Size), (taken[0], length));
            Assert.True(_inbox.TryTakeHandshake(caller, taken, out length));
            Assert.Equal((2, ResponseMessage.Size), (taken[0], length));
            Assert.False(_inbox.TryTakeHandshake(caller, taken, out _));
        }

        Assert.False(_inbox.TryTakeCaller(out _));
        Assert.Equal(0, _inbox.HandshakesWaiting);
        Assert.True(_inbox.TryPostHandshake(message, connections[7]));
        Assert.Equal(1, _inbox.CallersWaiting);
    }

    [Fact]
    public void With_32_waiting_it_is_under_load_and_for_a_second_after()
    {
        Assert.Equal(32, ControlInbox.HandshakesUnderLoad);
        var connection = new StreamConnection(-1, 1, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox);
        byte[] message = new byte[InitiationMessage.Size];
        Assert.True(_inbox.TryPostHandshake(message, connection));
        for (int i = 1; i < 31; i++)
            Assert.True(_inbox.TryPostHandshake(message, Sockaddr(1, 1), default));
        Assert.False(_inbox.IsUnderLoad(1_000));
        Assert.True(_inbox.TryPostHandshake(message, connection));
        Assert.True(_inbox.IsUnderLoad(1_000));
        Assert.True(_inbox.TryTakeHandshake(connection, message, out _));
        Assert.True(_inbox.IsUnderLoad(1_999));
        Assert.False(_inbox.IsUnderLoad(2_000));
    }

    [Fact]
    public void Free_handshake_messages_of_a_connection_are_two_at_once_and_one_a_second()
    {
        var connection = new StreamConnection(-1, 1, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox);
        Assert.Equal(
            [true, true, false, false, true, false, true, true, false],
            ((long[])[0, 0, 0, 999, 1_000, 1_500, 9_000, 9_000, 9_999])
                .Select(ms => connection.TryTakeFreeHandshake(5_000 + ms)));
    }

    [Fact]
    public void Everything_that_is_posted_wakes_control()
    {
        Assert.False(IsReadable());
        var connection = new StreamConnection(-1, 1, EndpointAddress.IPv4(1, 1), isDialed: true, _inbox);
        foreach (Action post in (Action[])[
            () => _inbox.Post(_peer, PeerSignals.HasStaged), () => _inbox.TryPostHandshake(new byte[64], Sockaddr(1, 1), default),
            () => _inbox.TryPostHandshake(new byte[64], connection),
            connection.Fail, _inbox.PostTunGone, _inbox.PostSlept, _inbox.RequestStop])
        {
            post();
            Assert.True(IsReadable());
            _inbox.BeginTaking();
            Assert.False(IsReadable());
        }

        Assert.True(_inbox.IsTunGone);
        Assert.True(_inbox.IsStopRequested);
    }

    [Fact]
    public void Nothing_that_lanes_post_is_left_lying()
    {
        const int Each = 50_000;
        Peer[] peers = [Tunnel.NewPeer(), Tunnel.NewPeer()];
        int[] noted = new int[2], seen = new int[2];
        Thread[] lanes = [.. Enumerable.Range(0, 2).Select(i => new Thread(() =>
        {
            for (int n = 1; n <= Each; n++)
            {
                Volatile.Write(ref noted[i], n); // as a packet that is staged
                _inbox.Post(peers[i], PeerSignals.HasStaged);
            }
        }))];
        foreach (Thread lane in lanes)
            lane.Start();
        while (seen[0] < Each || seen[1] < Each)
        {
            Assert.True(Sys.EpollWait(_epoll, _events, 10_000) == 1, "a wake-up was lost");
            _inbox.BeginTaking();
            while (_inbox.TryTake(out Peer? peer))
            {
                peer.TakeSignals();
                int i = Array.IndexOf(peers, peer);
                seen[i] = Volatile.Read(ref noted[i]);
            }
        }

        foreach (Thread lane in lanes)
            lane.Join();
    }

    private static byte[] Sockaddr(uint host, ushort port)
    {
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        return sockaddr[..EndpointAddress.IPv4(host, port).WriteSockaddr(sockaddr)];
    }

    private UdpDestination? Roam(uint host)
    {
        Span<byte> sockaddr = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        _peer.RoamTo(sockaddr[..EndpointAddress.IPv4(host, 1).WriteSockaddr(sockaddr)], default, _inbox);
        Assert.True(_inbox.TryTake(out Peer? _));
        _peer.TakeSignals();
        UdpDestination? moved = _peer.TakeRoaming();
        if (moved is not null)
            _peer.Destination = moved;
        return moved;
    }

    private bool IsReadable() => Sys.EpollWait(_epoll, _events, 0) == 1;
}
