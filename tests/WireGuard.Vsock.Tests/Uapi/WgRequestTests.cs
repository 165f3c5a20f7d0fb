using WireGuard.Vsock.Control;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>What wg(8) of wireguard-tools 1.0.20210914 sends for each command, as recorded from its control socket.</summary>
public sealed class WgRequestTests
{
    [Fact]
    public void Wg_set_private_key_of_an_empty_file_removes_the_key()
    {
        using DeviceChange change = ParseSet($"private_key={Zero}\n");
        Assert.True(change.RemovesPrivateKey);
    }

    [Fact]
    public void Wg_set_fwmark_off_clears_it()
    {
        using DeviceChange change = ParseSet("fwmark=0\n");
        Assert.Equal(0u, change.FirewallMark);
    }

    [Fact]
    public void Wg_set_listen_port_0_asks_for_any_port()
    {
        using DeviceChange change = ParseSet("listen_port=0\n");
        Assert.Equal((ushort)0, change.ListenPort);
    }

    [Fact]
    public void Wg_set_peer_remove_removes_it()
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\nremove=true\n");
        Assert.True(Assert.Single(change.Peers).Removes);
    }

    [Fact]
    public void Wg_set_allowed_ips_of_nothing_takes_them_all()
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\nreplace_allowed_ips=true\n");
        Assert.True(change.Peers[0].ReplacesAllowedIps);
        Assert.Empty(change.Peers[0].AllowedIps);
    }

    [Fact]
    public void Wg_set_preshared_key_of_an_empty_file_removes_it()
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\npreshared_key={Zero}\n");
        Assert.True(change.Peers[0].PresharedKey!.IsZero);
    }

    [Fact]
    public void Wg_set_persistent_keepalive_off_is_0()
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\npersistent_keepalive_interval=0\n");
        Assert.Equal((ushort)0, change.Peers[0].PersistentKeepalive);
    }

    [Fact]
    public void Wg_set_endpoint_of_a_dotted_quad_is_a_CID()
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\nendpoint=0.0.0.6:51820\n");
        Assert.Equal("vm(6):51820", change.Peers[0].Endpoint.ToString());
    }

    [Fact]
    public void Wg_setconf_replaces_everything()
    {
        using DeviceChange change = ParseSet(
            $"""
            private_key={Zero}
            listen_port=5
            fwmark=0
            replace_peers=true
            public_key={Peer1}
            endpoint=0.0.0.6:51820
            persistent_keepalive_interval=25
            replace_allowed_ips=true
            allowed_ip=10.0.0.0/24
            allowed_ip=fd00::/64

            """);
        Assert.True(change.RemovesPrivateKey);
        Assert.Equal((ushort)5, change.ListenPort);
        Assert.Equal(0u, change.FirewallMark);
        Assert.True(change.ReplacesPeers);
        PeerChange peer = Assert.Single(change.Peers);
        Assert.Equal("vm(6):51820", peer.Endpoint.ToString());
        Assert.Equal((ushort)25, peer.PersistentKeepalive);
        Assert.True(peer.ReplacesAllowedIps);
        Assert.Equal(["10.0.0.0/24", "fd00::/64"], peer.AllowedIps.Select(allowed => allowed.Prefix.ToString()));
    }

    [Fact]
    public void Wg_syncconf_gets_and_then_sets_the_difference()
    {
        List<UapiRequest> requests = Parse(
            $"get=1\n\nset=1\nprivate_key={Zero}\nlisten_port=5\nfwmark=0\n" +
            $"public_key={Peer1}\nremove=true\npublic_key={Peer2}\n\n");
        Assert.Equal([UapiRequestKind.Get, UapiRequestKind.Set], requests.Select(request => request.Kind));
        using DeviceChange change = requests[1].Change!;
        Assert.False(change.ReplacesPeers);
        Assert.Equal([(Peer1, true), (Peer2, false)], change.Peers.Select(peer => (peer.PublicKey.ToHex(), peer.Removes)));
    }
}
