using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Daemon.Control;
using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Lanes;
using WireGuard.Daemon.Transport;
using WireGuard.Daemon.Uapi;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;

namespace WireGuard.Daemon.Tests.Control;

public sealed class ConfiguratorTests : IDisposable
{
    private static readonly PublicKey Key = NewKey();

    private readonly ControlLoop _loop = new();
    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly NoNetwork _network = new();
    private readonly LaneCounters[] _counters = [new(), new()];
    private readonly OutboundBatch _batch;
    private readonly Device _device;
    private readonly Configurator _configurator;

    public ConfiguratorTests()
    {
        _batch = new OutboundBatch(_aead, isStream: true, _inbox, new LaneCounters());
        _device = new Device(new Published(), new GracePeriod([]), () => { });
        var handshakes = new Handshakes(_device, _network, _loop, _inbox, _aead, NullLogger.Instance)
        {
            OnComplete = _ => { },
            OnAnswered = _ => { },
        };
        var hellos = new Hellos(_loop, _aead, null, NullLogger.Instance);
        var sessions = new SessionDriver(
            _device, _network, handshakes, hellos, _loop, _batch, () => null, (_, _) => { }, NullLogger.Instance);
        _configurator = new Configurator(_device, _network, sessions, _counters, _loop, NullLogger.Instance);
    }

    public void Dispose()
    {
        _device.Dispose();
        _batch.Dispose();
        _aead.Dispose();
        _inbox.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void What_is_said_of_a_peer_counts()
    {
        Assert.Equal(0, Apply(new PeerChange(Key)
        {
            PersistentKeepalive = 25,
            Endpoint = EndpointAddress.Vsock(6, 51820),
            AllowedIps = { new AllowedIpChange(IpPrefix.IPv4(0x0a000000, 8), Removes: false) },
        }));
        PeerStatus peer = Assert.Single(_configurator.Status().Peers);
        Assert.Equal(25, peer.PersistentKeepalive);
        Assert.Equal(EndpointAddress.Vsock(6, 51820), peer.Endpoint);
        Assert.Equal("10.0.0.0/8", Assert.Single(peer.AllowedIps).ToString());
    }

    [Fact]
    public void What_is_said_of_a_peer_that_is_removed_or_not_there_does_not_count_for_one_added_after_it()
    {
        Assert.Equal(0, Apply(
            new PeerChange(Key) { UpdatesOnly = true, PersistentKeepalive = 1 },
            new PeerChange(Key) { Removes = true, PersistentKeepalive = 2 },
            new PeerChange(Key)));
        Assert.Equal(0, Assert.Single(_configurator.Status().Peers).PersistentKeepalive);
    }

    [Fact]
    public void Peer_that_is_added_and_removed_again_is_gone()
    {
        Assert.Equal(0, Apply(
            new PeerChange(Key) { PersistentKeepalive = 1 },
            new PeerChange(Key) { Removes = true }));
        Assert.Empty(_configurator.Status().Peers);
    }

    [Fact]
    public void Port_that_is_taken_changes_nothing()
    {
        _device.IsUp = true;
        _network.Refuses = Errno.EADDRINUSE;
        using var change = new DeviceChange { ListenPort = 1, FirewallMark = 2, ReplacesPeers = true };
        Assert.Equal(0, Apply(new PeerChange(Key)));
        Assert.Equal(Errno.EADDRINUSE, _configurator.Apply(change));
        DeviceStatus status = _configurator.Status();
        Assert.Equal(0u, status.FirewallMark);
        Assert.Single(status.Peers);
        Assert.Equal(0, _device.ListenPort);
    }

    [Fact]
    public void Too_many_peers_change_nothing()
    {
        using var change = new DeviceChange { FirewallMark = 2 };
        for (uint i = 0; i <= Limits.MaxPeers; i++)
        {
            byte[] key = new byte[PublicKey.Size];
            BitConverter.TryWriteBytes(key, i + 1);
            change.Peers.Add(new PeerChange(new PublicKey(key)));
        }

        Assert.Equal(Errno.ENOSPC, _configurator.Apply(change));
        Assert.Equal(0u, _configurator.Status().FirewallMark);
        Assert.Empty(_configurator.Status().Peers);
    }

    [Fact]
    public void Counters_are_the_sum_over_all_threads()
    {
        _counters[0].Count(DropReason.NotSent, 2);
        _counters[1].Count(DropReason.NotSent, 3);
        _counters[1].Count(DropReason.NotWritten);
        Assert.Equal(5, Value("not_sent"));
        Assert.Equal(1, Value("not_written"));
        Assert.Equal(0, Value("not_a_message"));

        long Value(string name) => Assert.Single(_configurator.Counters(), counter => counter.Name == name).Value;
    }

    private int Apply(params ReadOnlySpan<PeerChange> peers)
    {
        using var change = new DeviceChange();
        change.Peers.AddRange(peers);
        return _configurator.Apply(change);
    }

    private static PublicKey NewKey()
    {
        using PrivateKey key = PrivateKey.Generate();
        return key.PublicKey;
    }
}
