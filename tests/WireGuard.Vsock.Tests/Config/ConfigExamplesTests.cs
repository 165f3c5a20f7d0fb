using WireGuard.Vsock.Config;
using static WireGuard.Vsock.Tests.Config.ConfigText;

namespace WireGuard.Vsock.Tests.Config;

/// <summary>The examples of wg(8) and wg-quick(8), and forms of files found in public with values of our own.</summary>
public sealed class ConfigExamplesTests
{
    public static TheoryData<string, string, int> Examples => new()
    {
        {
            "wg(8)", $"""
            [Interface]
            PrivateKey = {Private}
            ListenPort = 51820

            [Peer]
            PublicKey = {Peer1}
            Endpoint = 192.95.5.67:1234
            AllowedIPs = 10.192.122.3/32, 10.192.124.1/24

            [Peer]
            PublicKey = {Peer2}
            Endpoint = [2607:5300:60:6b0::c05f:543]:2468
            AllowedIPs = 10.192.122.4/32, 192.168.0.0/16

            [Peer]
            PublicKey = {Peer3}
            Endpoint = test.wireguard.com:18981
            AllowedIPs = 10.10.10.230/32
            """, 3
        },
        {
            "wg-quick(8): a client, with its kill switch", $"""
            [Interface]
            Address = 10.200.100.8/24
            DNS = 10.200.100.1
            PrivateKey = oK56DE9Ue9zK76rAc8pBl6opph+1v36lm7cXXsQKrQM=
            PostUp = iptables -I OUTPUT ! -o %i -m mark ! --mark $(wg show %i fwmark) -m addrtype ! --dst-type LOCAL -j REJECT
            PreDown = iptables -D OUTPUT ! -o %i -m mark ! --mark $(wg show %i fwmark) -m addrtype ! --dst-type LOCAL -j REJECT

            [Peer]
            PublicKey = GtL7fZc/bLnqZldpVofMCD6hDjrK28SsdLxevJ+qtKU=
            PresharedKey = {Preshared}
            AllowedIPs = 0.0.0.0/0
            Endpoint = demo.wireguard.com:51820
            """, 1
        },
        {
            "wg-quick(8): a key from a hook", $"""
            [Interface]
            Address = 10.200.100.8/24
            PostUp = wg set %i private-key <(pass WireGuard/private-keys/%i)
            """, 0
        },
        {
            "wg-quick(8): a server", $"""
            [Interface]
            Address = 10.192.122.1/24
            Address = 10.10.0.1/16
            SaveConfig = true
            PrivateKey = {Private}
            ListenPort = 51820

            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = 10.192.122.3/32, 10.192.124.1/24

            [Peer]
            PublicKey = {Peer2}
            AllowedIPs = 10.192.122.4/32, 192.168.0.0/16

            [Peer]
            PublicKey = {Peer3}
            AllowedIPs = 10.10.10.230/32
            """, 3
        },
        {
            "wg-quick(8): policy routing", $"""
            [Interface]
            Address = 10.192.122.1/24
            PrivateKey = {Private}
            ListenPort = 51820
            Table = 1234
            PostUp = ip rule add ipproto tcp dport 22 table 1234
            PreDown = ip rule delete ipproto tcp dport 22 table 1234

            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = 0.0.0.0/0
            """, 1
        },
        {
            "a provider's: lists without spaces", $"""
            [Interface]
            PrivateKey={Private}
            Address=10.64.1.2/32,fc00:bbbb::2/128
            DNS=10.64.0.1

            [Peer]
            PublicKey={Peer1}
            AllowedIPs=0.0.0.0/0,::0/0
            Endpoint=192.0.2.7:51820
            """, 1
        },
        {
            "a comment a peer", $"""
            [Interface]
            PrivateKey = {Private}
            Address = 10.8.0.1/24
            ListenPort = 51820
            # laptop
            [Peer]
            # since May
            PublicKey = {Peer1} # mine
            AllowedIPs = 10.8.0.2/32
            """, 1
        },
        {
            "masquerading", $"""
            [Interface]
            PrivateKey = {Private}
            Address = 10.8.0.1/24
            PostUp = iptables -A FORWARD -i %i -j ACCEPT; iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
            PostDown = iptables -D FORWARD -i %i -j ACCEPT; iptables -t nat -D POSTROUTING -o eth0 -j MASQUERADE
            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = 10.8.0.2/32
            """, 1
        },
        {
            "behind a NAT", $"""
            [Interface]
            PrivateKey = {Private}
            Address = 10.8.0.2/24
            DNS = 1.1.1.1, 8.8.8.8
            MTU = 1280
            [Peer]
            PublicKey = {Peer1}
            PresharedKey = {Preshared}
            AllowedIPs = 0.0.0.0/1, 128.0.0.0/1
            Endpoint = vpn.example.org:443
            PersistentKeepalive = 25
            """, 1
        },
        {
            "the peer first", $"""
            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = 10.8.0.0/24

            [Interface]
            PrivateKey = {Private}
            Address = 10.8.0.2
            """, 1
        },
        {
            "no routes", $"""
            [Interface]
            PrivateKey = {Private}
            Address = 10.8.0.2/24
            Table = off
            FwMark = 0xca6c
            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = 0.0.0.0/0, ::/0
            """, 1
        },
        {
            "site to site", $"""
            [Interface]
            Address = 172.16.0.1/30
            PrivateKey = {Private}
            ListenPort = 51000
            PreUp = sysctl -w net.ipv4.ip_forward=1

            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = 172.16.0.2/32, 192.168.10.0/24
            Endpoint = 198.51.100.4:51000
            PersistentKeepalive = 15
            """, 1
        },
        {
            "search domains", $"""
            [Interface]
            Address = 10.0.0.2/24
            PrivateKey = {Private}
            DNS = 10.0.0.53, corp.example, lab.corp.example
            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = 10.0.0.0/8
            """, 1
        },
        {
            "mesh, over IPv6", $"""
            [Interface]
            Address = fd12:3456::1/128
            PrivateKey = {Private}
            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = fd12:3456::2
            Endpoint = [2001:db8::2]:51820
            [Peer]
            PublicKey = {Peer2}
            AllowedIPs = fd12:3456::3/128,fe80::/64
            """, 2
        },
        {
            "saved by wg-quick", $"""
            [Interface]
            Address = 10.8.0.1/24
            SaveConfig = true
            ListenPort = 51820
            FwMark = 0xca6c
            PrivateKey = {Private}

            [Peer]
            PublicKey = {Peer1}
            AllowedIPs = 10.8.0.2/32
            Endpoint = 203.0.113.9:61234
            """, 1
        },
    };

    [Theory]
    [MemberData(nameof(Examples))]
    public void Examples_are_read_whole(string name, string text, int peers)
    {
        Assert.NotEmpty(name);
        // Written for IP networks: one line says so.
        string udp = text.Replace("[Interface]", "[Interface]\nNetwork = udp", StringComparison.Ordinal);
        using TunnelSettings settings = Settings(udp);
        Assert.Equal(peers, settings.Peers.Count);
    }
}
