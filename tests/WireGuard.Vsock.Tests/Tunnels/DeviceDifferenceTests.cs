using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>What a reload sets: of what stays as it is, nothing.</summary>
public sealed class DeviceDifferenceTests
{
    private static readonly PublicKey Alice = KeyOf(1), Bob = KeyOf(2);

    [Fact]
    public void Nothing_is_set_when_nothing_has_changed()
    {
        using PrivateKey key = new(Bytes(7));
        using PresharedKey preshared = new(Bytes(9));
        DeviceStatus status = new()
        {
            PrivateKey = key,
            ListenPort = 51820,
            FirewallMark = 5,
            Peers = [Peer(Alice, "10.0.0.0/8 fd00::/8") with
            {
                PresharedKey = preshared,
                Endpoint = EndpointAddress.IPv4(1, 2),
                PersistentKeepalive = 9,
            }],
        };
        using DeviceChange change = new()
        {
            PrivateKey = new PrivateKey(Bytes(7)),
            ListenPort = 51820,
            FirewallMark = 5,
            ReplacesPeers = true,
        };
        change.Peers.Add(Change(Alice, "fd00::/8 10.0.0.0/8"));
        change.Peers[0].PresharedKey = new PresharedKey(Bytes(9));
        change.Peers[0].Endpoint = EndpointAddress.IPv4(1, 2);
        change.Peers[0].PersistentKeepalive = 9;

        DeviceDifference.Reduce(change, status);
        Assert.Null(change.PrivateKey);
        Assert.Null(change.ListenPort);
        Assert.Null(change.FirewallMark);
        Assert.False(change.ReplacesPeers);
        Assert.Empty(change.Peers);
    }

    [Fact]
    public void What_differs_of_the_device_is_set()
    {
        using PrivateKey key = new(Bytes(7));
        using DeviceChange change = new() { PrivateKey = new PrivateKey(Bytes(8)), ListenPort = 1, FirewallMark = 0 };
        DeviceDifference.Reduce(change, new DeviceStatus { PrivateKey = key, ListenPort = 2, FirewallMark = 3 });
        Assert.NotNull(change.PrivateKey);
        Assert.Equal((ushort)1, change.ListenPort);
        Assert.Equal(0u, change.FirewallMark);
    }

    [Fact]
    public void A_new_peer_is_set_whole_and_one_that_is_gone_removed()
    {
        using DeviceChange change = Reduced([Change(Alice, "10.0.0.0/8")], [Peer(Bob, "10.0.0.0/8")]);
        Assert.Equal(2, change.Peers.Count);
        Assert.Equal(Alice, change.Peers[0].PublicKey);
        Assert.Equal("10.0.0.0/8", Text(change.Peers[0]));
        Assert.Equal(Bob, change.Peers[1].PublicKey);
        Assert.True(change.Peers[1].Removes);
    }

    [Fact]
    public void Allowed_ips_are_added_and_taken_one_by_one()
    {
        using DeviceChange change = Reduced([Change(Alice, "10.0.0.0/8 10.2.0.0/16")], [Peer(Alice, "10.0.0.0/8 10.1.0.0/16")]);
        PeerChange only = Assert.Single(change.Peers);
        Assert.False(only.ReplacesAllowedIps);
        Assert.Equal("10.2.0.0/16 -10.1.0.0/16", Text(only));
    }

    [Fact]
    public void An_allowed_ip_that_two_name_is_the_last_ones()
    {
        using DeviceChange same = Reduced(
            [Change(Alice, "10.0.0.0/8"), Change(Bob, "10.0.0.0/8")], [Peer(Alice, ""), Peer(Bob, "10.0.0.0/8")]);
        Assert.Empty(same.Peers);
    }

    [Fact]
    public void An_allowed_ip_stays_with_the_last_that_names_it_when_a_new_peer_does_so_first()
    {
        using DeviceChange change = Reduced(
            [Change(Alice, "10.0.0.0/8 10.1.0.0/16"), Change(Bob, "10.0.0.0/8")], [Peer(Bob, "10.0.0.0/8")]);
        PeerChange only = Assert.Single(change.Peers);
        Assert.Equal(Alice, only.PublicKey);
        Assert.Equal("10.1.0.0/16", Text(only));
    }

    [Fact]
    public void An_allowed_ip_moves_by_being_given_to_another()
    {
        using DeviceChange change = Reduced(
            [Change(Alice, ""), Change(Bob, "10.0.0.0/8")], [Peer(Alice, "10.0.0.0/8"), Peer(Bob, "")]);
        PeerChange only = Assert.Single(change.Peers);
        Assert.Equal(Bob, only.PublicKey);
        Assert.Equal("10.0.0.0/8", Text(only));
    }

    [Fact]
    public void A_preshared_key_that_is_no_longer_named_is_removed()
    {
        using PresharedKey preshared = new(Bytes(9));
        using DeviceChange change = Reduced([Change(Alice, "")], [Peer(Alice, "") with { PresharedKey = preshared }]);
        Assert.True(Assert.Single(change.Peers).PresharedKey!.IsZero);
    }

    [Fact]
    public void A_keepalive_that_is_no_longer_named_is_switched_off()
    {
        using DeviceChange change = Reduced([Change(Alice, "")], [Peer(Alice, "") with { PersistentKeepalive = 25 }]);
        Assert.Equal((ushort)0, Assert.Single(change.Peers).PersistentKeepalive);
    }

    [Fact]
    public void An_endpoint_that_is_not_named_stays()
    {
        using DeviceChange change = Reduced(
            [Change(Alice, "")], [Peer(Alice, "") with { Endpoint = EndpointAddress.IPv4(1, 2) }]);
        Assert.Empty(change.Peers);
    }

    [Theory]
    [InlineData("a:1", "a:1", true)]
    [InlineData("a:1", "b:1", false)]
    [InlineData("a:1", null, false)]
    public void A_name_is_set_when_it_differs(string wanted, string? current, bool isSame)
    {
        PeerChange peer = Change(Alice, "");
        peer.EndpointName = wanted;
        using DeviceChange change = Reduced([peer], [Peer(Alice, "") with
        {
            Endpoint = EndpointAddress.IPv4(1, 2),
            Details = new PeerDetails { EndpointName = current },
        }]);
        Assert.Equal(isSame, change.Peers.Count == 0);
    }

    [Fact]
    public void An_address_takes_the_place_of_a_name_that_leads_to_it()
    {
        PeerChange peer = Change(Alice, "");
        peer.Endpoint = EndpointAddress.IPv4(1, 2);
        using DeviceChange change = Reduced([peer], [Peer(Alice, "") with
        {
            Endpoint = EndpointAddress.IPv4(1, 2),
            Details = new PeerDetails { EndpointName = "a:2" },
        }]);
        Assert.NotNull(Assert.Single(change.Peers).Endpoint);
    }

    private static DeviceChange Reduced(PeerChange[] peers, PeerStatus[] current)
    {
        DeviceChange change = new() { ReplacesPeers = true };
        change.Peers.AddRange(peers);
        DeviceDifference.Reduce(change, new DeviceStatus { Peers = current });
        return change;
    }

    private static PeerChange Change(PublicKey key, string allowedIps)
    {
        PeerChange change = new(key) { ReplacesAllowedIps = true };
        change.AllowedIps.AddRange(Prefixes(allowedIps).Select(prefix => new AllowedIpChange(prefix, Removes: false)));
        return change;
    }

    private static PeerStatus Peer(PublicKey key, string allowedIps) =>
        new() { PublicKey = key, AllowedIps = Prefixes(allowedIps) };

    private static List<IpPrefix> Prefixes(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select(word => IpPrefix.TryParse(word, out IpPrefix prefix) ? prefix : throw new ArgumentException(word))];

    private static string Text(PeerChange peer) =>
        string.Join(' ', peer.AllowedIps.Select(allowedIp => (allowedIp.Removes ? "-" : "") + allowedIp.Prefix));

    private static PublicKey KeyOf(byte value) => new(Bytes(value));

    private static byte[] Bytes(byte value) => [.. Enumerable.Repeat(value, PublicKey.Size)];
}
