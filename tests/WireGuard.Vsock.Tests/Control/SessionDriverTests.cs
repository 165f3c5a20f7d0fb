using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Control;

public sealed class SessionDriverTests : IDisposable
{
    private readonly EventLoop _loop;
    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly SocketPair _pair = new();
    private readonly Tunnel _tunnel;
    private readonly OutboundBatch _batch;
    private readonly Device _device;
    private readonly SessionDriver _driver;
    private readonly List<int> _asked = [];
    private readonly NoNetwork _network = new();
    private long _nowMs = 1_000_000;

    public SessionDriverTests()
    {
        _loop = new EventLoop(() => _nowMs);
        _tunnel = new Tunnel(_loop.NowMs);
        _tunnel.Peer.Destination = new StreamConnection(
            _pair.Near, 1, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox);
        _batch = new OutboundBatch(_aead, isStream: true, _inbox, new LaneCounters());
        _device = new Device(new Published(), _inbox.HandshakeRates, new GracePeriod([]), () => { });
        var handshakes = new Handshakes(_device, _network, _loop, _inbox, _aead, NullLogger.Instance)
        {
            OnComplete = _ => { },
            OnAnswered = _ => { },
        };
        var hellos = new Hellos(_loop, _aead, null, NullLogger.Instance);
        _driver = new SessionDriver(
            _device, _network, handshakes, hellos, _loop, _batch, () => null, (lane, _) => _asked.Add(lane), NullLogger.Instance);
    }

    public void Dispose()
    {
        (_tunnel.Peer.Destination as StreamConnection)?.Dispose();
        _device.Dispose();
        _batch.Dispose();
        _tunnel.Dispose();
        _pair.Dispose();
        _aead.Dispose();
        _inbox.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void Lanes_send_what_they_have_staged_and_are_asked_once()
    {
        Peer peer = _tunnel.Peer;
        _driver.SendStaged(peer);
        Assert.Empty(_asked);
        peer.Stage([1], lane: 2);
        peer.Stage([2], lane: 5);
        peer.Stage([3], lane: 2);
        _driver.SendStaged(peer);
        Assert.Equal([2, 5], _asked);
        _driver.SendStaged(peer);
        Assert.Equal([2, 5], _asked);
        peer.Staged.TakeAll(5);
        peer.Stage([4], lane: 5);
        _driver.SendStaged(peer);
        Assert.Equal([2, 5, 5], _asked);
        Assert.Empty(Received());
    }

    [Fact]
    public void Keepalive_is_what_is_staged_or_an_empty_message()
    {
        Peer peer = _tunnel.Peer;
        peer.Stage([1], lane: 2);
        _driver.SendKeepalive(peer);
        Assert.Equal([2], _asked);
        Assert.Empty(Received());
        peer.Staged.TakeAll(2);
        _driver.SendKeepalive(peer);
        Assert.Equal([2], _asked);
        Assert.Empty(Assert.Single(Received()));
    }

    [Fact]
    public void What_a_lane_has_staged_is_asked_for_though_another_has_confirmed_the_session()
    {
        Peer peer = _tunnel.Peer;
        peer.Stage([1], lane: 2);
        Assert.True(peer.Keypairs.Current!.TrySeal(_aead, new byte[TransportMessage.Overhead], _nowMs));
        _driver.OnComplete(peer);
        Assert.Equal([2], _asked);
    }

    [Fact]
    public void Confirmed_session_of_an_interface_that_is_down_has_no_timers_run()
    {
        Peer peer = _tunnel.Peer;
        peer.SetPersistentKeepalive(1_000, _nowMs);
        _nowMs += 2_000;
        _loop.RunOnce(0);
        _inbox.Post(peer, PeerSignals.Confirmed);
        _driver.OnSignals(peer);
        Assert.Empty(Received());
        Assert.Equal(0, _loop.DeadlineCount);
    }

    [Fact]
    public void Packets_wait_no_longer_than_REKEY_ATTEMPT_TIME_for_a_peer_that_cannot_be_reached()
    {
        Peer peer = Tunnel.NewPeer();
        peer.Stage([1], lane: 0);
        _driver.SendStaged(peer);
        Assert.Equal(_loop.NowMs + 90_000, peer.Timers.NextDeadline(_loop.NowMs));
        peer.Leave();
    }

    [Fact]
    public void Peer_has_one_deadline_however_often_it_moves_and_none_once_it_is_removed()
    {
        _device.IsUp = true;
        Peer[] peers = [.. Enumerable.Range(0, 10).Select(_ => _device.Add(PrivateKey.Generate().PublicKey))];
        for (int i = 0; i < 1_000; i++)
        {
            Peer peer = peers[i % peers.Length];
            _nowMs += 200;
            _loop.RunOnce(0);
            peer.Activity.DataSent(_nowMs);
            peer.Timers.SetPersistentKeepalive(1_000 + i, _nowMs);
            _driver.Schedule(peer);
            Assert.Equal(Math.Min(i + 1, peers.Length), _loop.DeadlineCount);
        }

        foreach (Peer peer in peers)
        {
            _device.Withdraw(peer);
            peer.End();
            _driver.Schedule(peer);
        }

        Assert.Equal(0, _loop.DeadlineCount);
    }

    [Fact]
    public void Deadline_of_a_peer_comes_with_the_first_of_its_parts()
    {
        _device.IsUp = true;
        Peer peer = _device.Add(PrivateKey.Generate().PublicKey);
        peer.Timers.SetPersistentKeepalive(60_000, _nowMs);
        _driver.Schedule(peer);
        Assert.Equal(_nowMs + 60_000, peer.Deadline!.AtMs);
        peer.Timers.InitiationSent(_nowMs);
        _driver.Schedule(peer);
        Assert.InRange(peer.Deadline.AtMs, _nowMs + 5_000, _nowMs + 5_333);
        peer.Timers.HandshakeComplete();
        _network.Deadline = _nowMs + 9_000;
        _driver.Schedule(peer);
        Assert.Equal(_nowMs + 9_000, peer.Deadline.AtMs);
        _nowMs += 9_000;
        _network.OnTime = () => _network.Deadline = _nowMs + 7;
        _loop.RunOnce(-1);
        Assert.Equal(_nowMs + 7, peer.Deadline.AtMs);
        _device.IsUp = false;
        _driver.Schedule(peer);
        Assert.Equal(0, _loop.DeadlineCount);
    }

    private IEnumerable<byte[]> Received() => _pair.ReadMessages().Select(message => _tunnel.Open(message, _loop.NowMs)!);
}
