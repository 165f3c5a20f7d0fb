using System.Net;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>A machine with two uplinks, 10.0.1.2 and 10.0.2.2 (2001:db8:1::2 and :2::2), and a peer behind either.</summary>
public sealed class UdpSourcesTests
{
    [TunTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Source_goes_when_the_route_chooses_another(bool isIPv6) => Run(isIPv6, (sources, peer) =>
    {
        Assert.False(sources.TryCorrect(peer));
        Default(isIPv6, uplink: 2);
        Assert.True(sources.TryCorrect(peer));
        Assert.False(Used(peer).HasSource);
        // The far end goes on writing to the address it knows: that teaches nothing.
        sources.Adopt(peer, To(isIPv6, "1"));
        Assert.False(Used(peer).HasSource);
        Assert.False(sources.TryCorrect(peer));
        // Then it has heard from us.
        sources.Adopt(peer, To(isIPv6, "2"));
        Assert.True(Used(peer).HasSource);
        Assert.False(sources.TryCorrect(peer));
        // What was late changes nothing.
        sources.Adopt(peer, To(isIPv6, "1"));
        Assert.False(Used(peer).HasSource);
    });

    [TunTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Source_is_used_again_when_it_is_chosen_again(bool isIPv6) => Run(isIPv6, (sources, peer) =>
    {
        Default(isIPv6, uplink: 2);
        Assert.True(sources.TryCorrect(peer));
        Default(isIPv6, uplink: 1);
        Assert.False(sources.TryCorrect(peer));
        Assert.True(Used(peer).HasSource);
        Default(isIPv6, uplink: 2);
        Assert.True(sources.TryCorrect(peer));
    });

    [TunTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Another_gateway_with_the_same_source_changes_nothing(bool isIPv6) => Run(isIPv6, (sources, peer) =>
    {
        Default(isIPv6, uplink: 1, host: 9);
        Assert.False(sources.TryCorrect(peer));
        Assert.True(Used(peer).HasSource);
    });

    [TunTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Address_that_no_route_chose_stays_while_routes_stay(bool isIPv6) => Run(isIPv6, (sources, peer) =>
    {
        Namespace.Sh(isIPv6 ? "ip address add 2001:db8:1::77/64 dev up1 nodad" : "ip address add 10.0.1.77/24 dev up1");
        sources.Adopt(peer, To(isIPv6, "1", host: 77));
        Namespace.Sh(isIPv6 ? "ip route add 2001:db8:99::/48 dev up2" : "ip route add 192.0.2.0/24 dev up2");
        Assert.False(sources.TryCorrect(peer));
        Default(isIPv6, uplink: 1, host: 9);
        Assert.False(sources.TryCorrect(peer));
        Assert.True(Used(peer).HasSource);
        Default(isIPv6, uplink: 2);
        Assert.True(sources.TryCorrect(peer));
    });

    [TunTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Address_that_a_rule_leads_out_by_its_own_uplink_stays(bool isIPv6) => Run(isIPv6, (sources, peer) =>
    {
        Namespace.Sh(isIPv6
            ? "ip -6 rule add from 2001:db8:1::2 lookup 7; ip -6 route add default via 2001:db8:1::1 dev up1 table 7"
            : "ip rule add from 10.0.1.2 lookup 7; ip route add default via 10.0.1.1 dev up1 table 7");
        Assert.False(sources.TryCorrect(peer));
        Default(isIPv6, uplink: 2);
        Assert.False(sources.TryCorrect(peer));
        Assert.True(Used(peer).HasSource);
    });

    [TunFact]
    public void Address_that_is_gone_goes_and_no_way_at_all_changes_nothing() => Run(isIPv6: false, (sources, peer) =>
    {
        Namespace.Sh("ip route delete default");
        Assert.False(sources.TryCorrect(peer));
        Assert.True(Used(peer).HasSource);
        Namespace.Sh("ip address delete 10.0.1.2/24 dev up1");
        Default(isIPv6: false, uplink: 2);
        Assert.True(sources.TryCorrect(peer));
    });

    [TunFact]
    public void Rules_that_look_at_the_mark_are_asked_with_it() => Run(isIPv6: false, (sources, peer) =>
    {
        Namespace.Sh("ip rule add fwmark 5 lookup 7; ip route add default via 10.0.2.1 dev up2 table 7");
        Assert.False(sources.TryCorrect(peer));
        sources.Mark = 5;
        Assert.True(sources.TryCorrect(peer));
    });

    private static void Run(bool isIPv6, Action<UdpSources, Peer> test) => Namespace.Run(() =>
    {
        Namespace.Sh("""
            ip link set lo up
            for n in 1 2; do
              ip link add up$n type veth peer name far$n
              ip link set up$n up
              ip link set far$n up
              ip address add 10.0.$n.2/24 dev up$n
              ip address add 2001:db8:$n::2/64 dev up$n nodad
            done
            """);
        Default(isIPv6, uplink: 1);
        Peer peer = Tunnel.NewPeer();
        using var routes = new RouteQuery();
        var sources = new UdpSources(routes) { Port = 51820 };
        sources.Adopt(peer, To(isIPv6, "1"));
        test(sources, peer);
        peer.Leave();
    });

    private static void Default(bool isIPv6, int uplink, int host = 1) => Namespace.Sh(isIPv6
        ? $"ip -6 route del default 2>/dev/null; ip -6 route add default via 2001:db8:{uplink}::{host} dev up{uplink}"
        : $"ip route replace default via 10.0.{uplink}.{host}");

    private static UdpDestination Used(Peer peer) => (UdpDestination)peer.Destination!;

    /// <summary>The peer, which has written to our address of that uplink.</summary>
    private static UdpDestination To(bool isIPv6, string uplink, int host = 2)
    {
        EndpointAddress peer = isIPv6
            ? EndpointAddress.IPv6(new UInt128(0x2001_0db8_0007_0000, 1), 51820)
            : EndpointAddress.IPv4(0xC6336401, 51820);
        byte[] ours = IPAddress.Parse(isIPv6 ? $"2001:db8:{uplink}::{host}" : $"10.0.{uplink}.{host}").GetAddressBytes();
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        byte[] source = isIPv6 ? [.. ours, .. new byte[4]] : [.. new byte[4], .. ours, .. new byte[4]];
        return new UdpDestination(sockaddr.AsSpan(0, peer.WriteSockaddr(sockaddr)), source);
    }
}
