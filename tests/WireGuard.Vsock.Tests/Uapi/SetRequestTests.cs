using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>Every key of https://www.wireguard.com/xplatform/, with what it may say.</summary>
public sealed class SetRequestTests
{
    [Fact]
    public void A_set_without_keys_changes_nothing()
    {
        using DeviceChange change = ParseSet("");
        Assert.Null(change.PrivateKey);
        Assert.False(change.RemovesPrivateKey);
        Assert.Null(change.ListenPort);
        Assert.Null(change.FirewallMark);
        Assert.False(change.ReplacesPeers);
        Assert.Empty(change.Peers);
    }

    [Fact]
    public void A_peer_with_its_public_key_alone_changes_nothing_else()
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\n");
        PeerChange peer = Assert.Single(change.Peers);
        Assert.Equal(Peer1, peer.PublicKey.ToHex());
        Assert.False(peer.Removes);
        Assert.False(peer.UpdatesOnly);
        Assert.Null(peer.PresharedKey);
        Assert.Null(peer.Endpoint);
        Assert.Null(peer.PersistentKeepalive);
        Assert.False(peer.ReplacesAllowedIps);
        Assert.Empty(peer.AllowedIps);
    }

    [Fact]
    public void The_example_of_the_specification_is_read_whole()
    {
        using DeviceChange change = ParseSet(
            $"""
            private_key={PrivateHex}
            fwmark=0
            listen_port=12912
            replace_peers=true
            public_key={Peer1}
            preshared_key={PresharedHex}
            replace_allowed_ips=true
            allowed_ip=192.168.4.10/32
            allowed_ip=192.168.4.11/32
            endpoint=[abcd:23::33%eth0]:51820
            public_key={Peer2}
            update_only=true
            persistent_keepalive_interval=111
            endpoint=182.122.22.19:3233
            allowed_ip=-192.168.4.6/32
            public_key={Peer1}
            remove=true

            """,
            NetworkKind.Udp);
        // The key is clamped as it is read: RFC 7748 section 5.
        Assert.Equal("e8" + PrivateHex[2..], Hex(change.PrivateKey!.Bytes));
        Assert.Equal(0u, change.FirewallMark);
        Assert.Equal((ushort)12912, change.ListenPort);
        Assert.True(change.ReplacesPeers);
        Assert.Equal([Peer1, Peer2, Peer1], change.Peers.Select(peer => peer.PublicKey.ToHex()));

        PeerChange first = change.Peers[0];
        Assert.Equal(PresharedHex, Hex(first.PresharedKey!.Bytes));
        Assert.True(first.ReplacesAllowedIps);
        Assert.Equal(["192.168.4.10/32", "192.168.4.11/32"], first.AllowedIps.Select(allowed => allowed.Prefix.ToString()));
        Assert.Equal("[abcd:23::33]:51820", first.Endpoint.ToString());

        PeerChange second = change.Peers[1];
        Assert.True(second.UpdatesOnly);
        Assert.Equal((ushort)111, second.PersistentKeepalive);
        Assert.Equal("182.122.22.19:3233", second.Endpoint.ToString());
        AllowedIpChange taken = Assert.Single(second.AllowedIps);
        Assert.Equal(("192.168.4.6/32", true), (taken.Prefix.ToString(), taken.Removes));

        Assert.True(change.Peers[2].Removes);
    }

    [Fact]
    public void Keys_are_read_in_either_case()
    {
        using DeviceChange change = ParseSet(
            $"private_key={PrivateHex.ToUpperInvariant()}\n" +
            $"public_key={Peer1.ToUpperInvariant()}\npreshared_key={PresharedHex.ToUpperInvariant()}\n");
        Assert.Equal(PrivateHex, Hex(change.PrivateKey!.Bytes));
        Assert.Equal(Peer1, change.Peers[0].PublicKey.ToHex());
        Assert.Equal(PresharedHex, Hex(change.Peers[0].PresharedKey!.Bytes));
    }

    [Fact]
    public void An_all_zero_private_key_removes_it()
    {
        using DeviceChange change = ParseSet($"private_key={Zero}\n");
        Assert.True(change.RemovesPrivateKey);
        Assert.Null(change.PrivateKey);
    }

    [Fact]
    public void The_private_key_said_last_counts()
    {
        using DeviceChange removed = ParseSet($"private_key={PrivateHex}\nprivate_key={Zero}\n");
        Assert.True(removed.RemovesPrivateKey);
        Assert.Null(removed.PrivateKey);

        using DeviceChange set = ParseSet($"private_key={Zero}\nprivate_key={PrivateHex}\n");
        Assert.False(set.RemovesPrivateKey);
        Assert.Equal(PrivateHex, Hex(set.PrivateKey!.Bytes));
    }

    [Fact]
    public void An_all_zero_preshared_key_is_given_on_as_such()
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\npreshared_key={Zero}\n");
        Assert.True(change.Peers[0].PresharedKey!.IsZero);
    }

    [Theory]
    [InlineData("0", 0u)]
    [InlineData("", 0u)]
    [InlineData("1", 1u)]
    [InlineData("4294967295", uint.MaxValue)]
    public void A_fwmark_is_32_bits_and_nothing_means_none(string value, uint expected)
    {
        using DeviceChange change = ParseSet($"fwmark={value}\n");
        Assert.Equal(expected, change.FirewallMark);
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("51820", 51820)]
    [InlineData("65535", 65535)]
    public void A_port_and_a_keepalive_are_16_bits(string value, int expected)
    {
        using DeviceChange change = ParseSet($"listen_port={value}\npublic_key={Peer1}\npersistent_keepalive_interval={value}\n");
        Assert.Equal((ushort)expected, change.ListenPort);
        Assert.Equal((ushort)expected, change.Peers[0].PersistentKeepalive);
    }

    [Theory]
    [InlineData("vm(6):51820", "vm(6):51820")]
    [InlineData("host(2):8172", "host(2):8172")]
    [InlineData("local(1):4294967294", "local(1):4294967294")]
    [InlineData("0.0.0.6:51820", "vm(6):51820")]
    public void A_vsock_endpoint_is_read_in_every_form(string value, string expected)
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\nendpoint={value}\n");
        Assert.Equal(expected, change.Peers[0].Endpoint.ToString());
    }

    [Fact]
    public void Allowed_ips_keep_their_order_and_their_sign()
    {
        using DeviceChange change = ParseSet(
            $"public_key={Peer1}\n" +
            "allowed_ip=10.0.0.7/24\nallowed_ip=-10.0.0.0/24\nallowed_ip=::/0\nallowed_ip=-2001:db8::1/128\n");
        Assert.Equal(
            ["+10.0.0.0/24", "-10.0.0.0/24", "+::/0", "-2001:db8::1/128"],
            change.Peers[0].AllowedIps.Select(allowed => (allowed.Removes ? "-" : "+") + allowed.Prefix));
    }

    [Fact]
    public void Replacing_allowed_ips_replaces_those_said_before()
    {
        using DeviceChange change = ParseSet(
            $"public_key={Peer1}\nallowed_ip=10.0.0.0/24\nreplace_allowed_ips=true\nallowed_ip=10.1.0.0/24\n");
        Assert.True(change.Peers[0].ReplacesAllowedIps);
        Assert.Equal("10.1.0.0/24", Assert.Single(change.Peers[0].AllowedIps).Prefix.ToString());
    }

    [Fact]
    public void A_protocol_version_of_1_is_understood()
    {
        using DeviceChange change = ParseSet($"public_key={Peer1}\nprotocol_version=1\n");
        Assert.Single(change.Peers);
    }

    [Fact]
    public void A_disposed_change_has_wiped_the_keys_that_nobody_took()
    {
        DeviceChange change = ParseSet($"private_key={PrivateHex}\npublic_key={Peer1}\npreshared_key={PresharedHex}\n");
        var privateKey = change.PrivateKey!;
        var presharedKey = change.Peers[0].PresharedKey!;
        change.Dispose();
        Assert.Throws<ObjectDisposedException>(() => privateKey.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(() => presharedKey.Bytes.Length);
        change.Dispose(); // once more does no harm

        DeviceChange taken = ParseSet($"private_key={PrivateHex}\n");
        using var kept = taken.PrivateKey!;
        taken.PrivateKey = null;
        taken.Dispose();
        Assert.Equal(PrivateHex, Hex(kept.Bytes));
    }
}
