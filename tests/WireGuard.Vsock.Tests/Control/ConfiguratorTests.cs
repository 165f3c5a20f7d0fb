using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Tests.Control.PeerChanges;

namespace WireGuard.Vsock.Tests.Control;

public sealed class ConfiguratorTests : IDisposable
{
    private readonly NoNetwork _network = new();
    private readonly ControlParts _control;
    private readonly Device _device;
    private readonly Configurator _configurator;
    private readonly Aead _aead = new();

    public ConfiguratorTests()
    {
        _control = new ControlParts(_network);
        (_device, _configurator) = (_control.Device, _control.Configurator);
    }

    public void Dispose()
    {
        _control.Dispose();
        _aead.Dispose();
    }

    [Fact]
    public void What_is_said_of_a_peer_counts()
    {
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key)
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
        Assert.Equal(0, _configurator.Apply(
            new PeerChange(Key) { UpdatesOnly = true, PersistentKeepalive = 1 },
            new PeerChange(Key) { Removes = true, PersistentKeepalive = 2 },
            new PeerChange(Key)));
        Assert.Equal(0, Assert.Single(_configurator.Status().Peers).PersistentKeepalive);
    }

    [Fact]
    public void Peer_that_is_added_and_removed_again_is_gone()
    {
        Assert.Equal(0, _configurator.Apply(
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
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key)));
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
            change.Peers.Add(new PeerChange(KeyOf(i + 1)));
        }

        Assert.Equal(Errno.ENOSPC, _configurator.Apply(change));
        Assert.Equal(0u, _configurator.Status().FirewallMark);
        Assert.Empty(_configurator.Status().Peers);
    }

    [Fact]
    public void Lanes_see_all_of_a_request_before_the_network_hears_of_what_they_used_until_then()
    {
        Assert.Equal(0, _configurator.Apply(PeerOf(1, "10.0.0.0/8", EndpointAddress.IPv4(1, 1)), PeerOf(2, "10.2.0.0/16")));
        (Peer one, Peer two) = (_device.Peers[KeyOf(1)], _device.Peers[KeyOf(2)]);
        var told = new List<Peer>();
        _network.OnTold = peer =>
        {
            if (peer == one || peer == two)
            {
                Assert.Same(one, _device.Published.Snapshot.Routes.LookupIPv4(0x0b000001));
                Assert.Null(_device.Published.Snapshot.Routes.LookupIPv4(0x0a000001));
                told.Add(peer);
            }
        };
        using var change = new DeviceChange { ReplacesPeers = true };
        change.Peers.Add(PeerOf(1, "11.0.0.0/8", EndpointAddress.IPv4(2, 2)));
        change.Peers.Add(PeerOf(3, "12.0.0.0/8", EndpointAddress.IPv4(3, 3)));
        Assert.Equal(0, _configurator.Apply(change));
        Assert.Equal([two, one], told);
    }

    [Fact]
    public void Published_allowed_IPs_are_always_indexed()
    {
        bool isIndexed = true;
        _network.OnTold = _ => isIndexed &= _device.Published.Snapshot.Routes.IsIndexed;
        Assert.Equal(0, _configurator.Apply(PeerOf(1, "10.0.0.0/8"), PeerOf(2, "10.2.0.0/16")));
        Assert.True(_device.Published.Snapshot.Routes.IsIndexed);
        Assert.Equal(0, _configurator.Apply(new PeerChange(KeyOf(1)) { Removes = true }));
        Assert.True(isIndexed);
        Assert.True(_device.Published.Snapshot.Routes.IsIndexed);
    }

    [Fact]
    public void Peer_that_is_replaced_by_itself_keeps_its_session_and_nothing_of_its_settings()
    {
        var first = new PeerChange(Key) { PersistentKeepalive = 9, Endpoint = EndpointAddress.IPv4(1, 1) };
        Assert.Equal(0, _configurator.Apply(first));
        Peer peer = _device.Peers[Key];
        using var change = new DeviceChange { ReplacesPeers = true, Peers = { PeerOf(Key, "11.0.0.0/8") } };
        Assert.Equal(0, _configurator.Apply(change));
        Assert.Same(peer, _device.Peers[Key]);
        Assert.False(peer.IsRemoved);
        PeerStatus status = Assert.Single(_configurator.Status().Peers);
        Assert.Equal(0, status.PersistentKeepalive);
        Assert.Null(status.Endpoint);
        Assert.Equal("11.0.0.0/8", Assert.Single(status.AllowedIps).ToString());
    }

    [Fact]
    public void Network_hears_of_an_endpoint_that_is_taken_away()
    {
        EndpointAddress endpoint = EndpointAddress.IPv4(1, 1);
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { Endpoint = endpoint }));
        var told = new List<EndpointAddress?>();
        _network.OnTold = peer => told.Add(peer.Endpoint);
        using var change = new DeviceChange { ReplacesPeers = true, Peers = { new PeerChange(Key) } };
        Assert.Equal(0, _configurator.Apply(change));
        Assert.Equal([null], told);
    }

    [Fact]
    public void Network_hears_once_of_a_peer_that_a_request_names_twice()
    {
        EndpointAddress endpoint = EndpointAddress.IPv4(1, 1), passing = EndpointAddress.IPv4(2, 2);
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { Endpoint = endpoint }));
        var told = new List<EndpointAddress?>();
        _network.OnTold = peer => told.Add(peer.Endpoint);
        using var change = new DeviceChange { ReplacesPeers = true };
        change.Peers.AddRange([new PeerChange(Key) { Endpoint = passing }, new PeerChange(Key) { Endpoint = endpoint }]);
        Assert.Equal(0, _configurator.Apply(change));
        Assert.Equal([endpoint], told);
    }

    [Fact]
    public void Peer_that_is_replaced_by_itself_with_another_preshared_key_is_a_new_one()
    {
        using var change = new DeviceChange { ReplacesPeers = true };
        change.Peers.AddRange([new PeerChange(Key) { PresharedKey = NewPresharedKey(1) }, new PeerChange(KeyOf(2))]);
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key), new PeerChange(KeyOf(2)) { PresharedKey = NewPresharedKey(2) }));
        (Peer one, Peer two) = (_device.Peers[Key], _device.Peers[KeyOf(2)]);
        Assert.Equal(0, _configurator.Apply(change));
        Assert.NotSame(one, _device.Peers[Key]);
        Assert.NotSame(two, _device.Peers[KeyOf(2)]);
        Assert.True(one.IsRemoved && two.IsRemoved);
    }

    [Fact]
    public void Peer_with_the_same_preshared_key_is_the_same()
    {
        using var change = new DeviceChange { ReplacesPeers = true };
        change.Peers.Add(new PeerChange(Key) { PresharedKey = NewPresharedKey(1) });
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { PresharedKey = NewPresharedKey(1) }));
        Peer peer = _device.Peers[Key];
        Assert.Equal(0, _configurator.Apply(change));
        Assert.Same(peer, _device.Peers[Key]);
    }

    [Fact]
    public void Update_only_finds_none_of_the_peers_that_the_same_request_replaces()
    {
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key)));
        using var change = new DeviceChange { ReplacesPeers = true, Peers = { new PeerChange(Key) { UpdatesOnly = true } } };
        Assert.Equal(0, _configurator.Apply(change));
        Assert.Empty(_configurator.Status().Peers);
    }

    [Fact]
    public void Lanes_are_woken_once_a_turn_however_many_keypairs_end()
    {
        _device.SetPrivateKey(PrivateKey.Generate());
        for (int i = 0; i < 100; i++)
            BeginSession();
        _device.EndSessions();
        Assert.Equal(0, _control.KeysForgotten);
        _device.EndTurn();
        _device.EndTurn();
        Assert.Equal(1, _control.KeysForgotten);
    }

    /// <summary>Adds a peer, with which we have a session that we began.</summary>
    private void BeginSession()
    {
        using var far = new WireGuardDevice<WireGuardPeer>(PrivateKey.Generate());
        far.Add(new WireGuardPeer(_device.PrivateKey!.PublicKey));
        Tunnel.Connect(_device, _device.Add(far.PrivateKey!.PublicKey), far, _aead, 1);
    }

    private static PresharedKey NewPresharedKey(byte first)
    {
        byte[] key = new byte[PresharedKey.Size];
        key[0] = first;
        return new PresharedKey(key);
    }
}
