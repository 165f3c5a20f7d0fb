using WireGuard.Daemon.Control;
using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Transport;
using WireGuard.Protocol.Noise;
using static WireGuard.Daemon.Interop.Libc;

namespace WireGuard.Daemon.Tests.Control;

public sealed class ControlInboxTests : IDisposable
{
    private static readonly Destination From = new UdpDestination(EndpointAddress.IPv4(0xc0000201, 51820));

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
        var older = new UdpDestination(EndpointAddress.IPv4(1, 1));
        var newer = new UdpDestination(EndpointAddress.IPv4(2, 2));
        _peer.RoamTo(older, _inbox);
        _peer.RoamTo(newer, _inbox);
        Assert.True(_inbox.TryTake(out Peer? peer));
        Assert.Equal(PeerSignals.Roamed, peer.TakeSignals());
        Assert.Same(newer, peer.TakeRoaming());
        Assert.Null(peer.TakeRoaming());
    }

    [Fact]
    public void Handshake_messages_are_copied_and_come_in_order()
    {
        byte[] message = new byte[InitiationMessage.Size], taken = new byte[InitiationMessage.Size];
        var other = new UdpDestination(EndpointAddress.IPv4(1, 1));
        message[0] = 1;
        Assert.True(_inbox.TryPostHandshake(message, From));
        message[0] = 2;
        Assert.True(_inbox.TryPostHandshake(message.AsSpan(0, ResponseMessage.Size), other));
        Assert.Equal(2, _inbox.HandshakesWaiting);
        Assert.True(_inbox.TryTakeHandshake(taken, out int length, out Destination? from));
        Assert.Equal((1, InitiationMessage.Size), (taken[0], length));
        Assert.Same(From, from);
        Assert.True(_inbox.TryTakeHandshake(taken, out length, out from));
        Assert.Equal((2, ResponseMessage.Size), (taken[0], length));
        Assert.Same(other, from);
        Assert.False(_inbox.TryTakeHandshake(taken, out _, out _));
    }

    [Fact]
    public void No_more_than_256_handshake_messages_wait()
    {
        Assert.Equal(256, ControlInbox.MaxHandshakes);
        Assert.Equal(32, ControlInbox.HandshakesUnderLoad);
        byte[] message = new byte[InitiationMessage.Size];
        int posted = 0, next = 0;
        for (int round = 0; round < 5; round++)
        {
            while (true)
            {
                BitConverter.TryWriteBytes(message, posted);
                if (!_inbox.TryPostHandshake(message, From))
                    break;
                posted++;
            }

            Assert.Equal(256, _inbox.HandshakesWaiting);
            for (int i = 0; i < 100 + round; i++)
            {
                Assert.True(_inbox.TryTakeHandshake(message, out _, out _));
                Assert.Equal(next++, BitConverter.ToInt32(message));
            }
        }
    }

    [Fact]
    public void Everything_that_is_posted_wakes_control()
    {
        Assert.False(IsReadable());
        var connection = new StreamConnection(-1, 1, EndpointAddress.IPv4(1, 1), isDialed: true, _inbox);
        foreach (Action post in (Action[])[
            () => _inbox.Post(_peer, PeerSignals.HasStaged), () => _inbox.TryPostHandshake(new byte[64], From),
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

    private bool IsReadable() => Sys.EpollWait(_epoll, _events, 0) == 1;
}
