using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Daemon.Control;
using WireGuard.Daemon.Lanes;
using WireGuard.Daemon.Transport;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Daemon.Tests.Control;

public sealed class SessionDriverTests : IDisposable
{
    private readonly ControlLoop _loop = new();
    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly SocketPair _pair = new();
    private readonly Tunnel _tunnel;
    private readonly OutboundBatch _batch;
    private readonly Device _device;
    private readonly SessionDriver _driver;
    private Action _onFlush = () => { };

    public SessionDriverTests()
    {
        _tunnel = new Tunnel(_loop.NowMs);
        _tunnel.Peer.Destination = new StreamConnection(
            _pair.Near, 1, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox);
        _batch = new OutboundBatch(_aead, isStream: true, _inbox, new LaneCounters());
        _device = new Device(new Published(), new GracePeriod([]), () => { });
        var network = new NoNetwork();
        var handshakes = new Handshakes(_device, network, _loop, _inbox, _aead, NullLogger.Instance)
        {
            OnComplete = _ => { },
            OnAnswered = _ => { },
        };
        var hellos = new Hellos(_loop, _aead, null, NullLogger.Instance);
        _driver = new SessionDriver(_device, network, handshakes, hellos, _loop, _batch, OnFlush, NullLogger.Instance);
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
    public void Staged_packets_are_sent_in_their_order()
    {
        for (int i = 1; i <= StagedPackets.MaxPackets; i++)
            _tunnel.Peer.Stage([(byte)i]);
        _driver.SendStaged(_tunnel.Peer);
        Assert.Equal(Enumerable.Range(1, StagedPackets.MaxPackets), Received().Select(packet => (int)packet[0]));
    }

    [Fact]
    public void Flood_that_is_staged_as_fast_as_it_is_sent_goes_back_to_the_lanes()
    {
        byte[] packet = new byte[2_000]; // so large that the batch is full before all that is staged is in it
        int flushes = 0;
        _onFlush = () =>
        {
            Assert.True(++flushes < 10, "control carries the flood");
            // As lanes do: only behind what is staged already.
            for (int i = 0; i < StagedPackets.MaxPackets && !_tunnel.Peer.Staged.IsEmpty; i++)
                _tunnel.Peer.Stage(packet);
        };
        for (int i = 0; i < StagedPackets.MaxPackets; i++)
            _tunnel.Peer.Stage(packet);
        _driver.SendStaged(_tunnel.Peer);
        Assert.NotEqual(0, _tunnel.Peer.DroppedPackets); // it was a flood
        Assert.True(_tunnel.Peer.Staged.IsEmpty);
    }

    [Fact]
    public void Packets_wait_no_longer_than_REKEY_ATTEMPT_TIME_for_a_peer_that_cannot_be_reached()
    {
        Peer peer = Tunnel.NewPeer();
        peer.Stage([1]);
        _driver.SendStaged(peer);
        Assert.Equal(_loop.NowMs + 90_000, peer.Session.Timers.NextDeadline(_loop.NowMs));
        peer.Session.Dispose();
    }

    private UdpSockets? OnFlush()
    {
        _onFlush();
        return null;
    }

    private IEnumerable<byte[]> Received() => _pair.ReadMessages().Select(message => _tunnel.Open(message, _loop.NowMs)!);
}
