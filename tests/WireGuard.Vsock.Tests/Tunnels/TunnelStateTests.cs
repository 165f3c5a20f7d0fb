using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

public sealed class TunnelStateTests
{
    [Fact]
    public void A_state_is_read_as_it_was_written()
    {
        TunnelState state = TunnelState.Begin("wg0", "/etc/wire guard/a=b.conf", "0123456789abcdef", "tcp streams 2");
        state.Dns = "10.0.0.1 example.com";
        state.HasGeneratedKey = true;
        state.HasListenPort = true;
        state.ResolvconfName = "tun.wg0";
        state.HasResolvConf = true;
        foreach (string text in new[] { "10.0.0.1/24", "fd00::1/64" })
        {
            Assert.True(InterfaceAddress.TryParse(text, out InterfaceAddress address));
            state.Addresses.Add(address);
        }

        Assert.True(IpPrefix.TryParse("10.1.0.0/16", out IpPrefix prefix));
        state.Routes.Add(RouteMessage.To(prefix, link: 0));
        state.Rules.AddRange(TunnelPlan.RulesOf(isIPv6: true, 51820, []));
        Assert.Equal("""
            config=/etc/wire guard/a=b.conf
            instance=0123456789abcdef
            daemon=tcp streams 2
            names=10.0.0.1 example.com
            state=starting
            key=generated
            port=given
            resolvconf=tun.wg0
            dns=resolv.conf
            address=10.0.0.1/24
            address=fd00::1/64
            route=10.1.0.0/16 table 254
            rule=-6 table 51820 priority 0 not fwmark 51820
            rule=-6 table 254 priority 0 suppress_prefixlength 0

            """, state.ToText());

        TunnelState read = TunnelState.Parse("wg0", state.ToText());
        Assert.Equal(state.ToText(), read.ToText());
        Assert.Equal(state.Config, read.Config);
        Assert.Equal(state.Instance, read.Instance);
        Assert.False(read.IsUp);
        Assert.Equal(state.Routes, read.Routes);
        Assert.Equal(state.Rules, read.Rules);
    }

    [Fact]
    public void What_a_tunnel_has_learned_is_read_as_it_was_written()
    {
        TunnelState state = TunnelState.Begin("wg0", "/wg0.conf", "00", "", "nitro");
        TunnelState none = TunnelState.Parse("wg0", state.ToText());
        Assert.Equal((0u, null), (none.Revision, none.Taken));
        state.Revision = 3;
        Assert.True(InterfaceAddress.TryParse("10.0.0.2/24", out InterfaceAddress address));
        state.Taken = new TakenOffer(new PublicKey([7, .. new byte[31]]), new Offer
        {
            Addresses = [address],
            Mtu = 1300,
            DnsServers = ["10.0.0.1", "fd00::1"],
            SearchDomains = ["example.com"],
        });
        Assert.Equal($"""
            config=/wg0.conf
            instance=00
            daemon=
            state=starting
            learns=nitro
            revision=3
            offered-by=07{new string('0', 62)}
            offered-mtu=1300
            offered-address=10.0.0.2/24
            offered-dns=10.0.0.1
            offered-dns=fd00::1
            offered-search=example.com

            """, state.ToText());
        TunnelState read = TunnelState.Parse("wg0", state.ToText());
        Assert.Equal(state.ToText(), read.ToText());
        Assert.Equal((state.Taken.By, 1300), (read.Taken!.By, read.Taken.Offer.Mtu));
        Assert.Empty(read.Later);
    }

    [Fact]
    public void What_later_verifiers_have_offered_is_read_as_it_was_written()
    {
        TunnelState state = TunnelState.Begin("wg0", "/wg0.conf", "00", "", "nitro");
        Assert.True(InterfaceAddress.TryParse("10.0.0.2/24", out InterfaceAddress address));
        state.Taken = new TakenOffer(new PublicKey([7, .. new byte[31]]), new Offer { Mtu = 1300 });
        state.Later.Add(new TakenOffer(new PublicKey([8, .. new byte[31]]), new Offer { Addresses = [address] }));
        state.Later.Add(new TakenOffer(new PublicKey([9, .. new byte[31]]), new Offer { DnsServers = ["10.0.0.1"] }));
        TunnelState read = TunnelState.Parse("wg0", state.ToText());
        Assert.Equal(state.ToText(), read.ToText());
        Assert.Equal(1300, read.Taken!.Offer.Mtu);
        Assert.Equal(state.Later.Select(offer => offer.By), read.Later.Select(offer => offer.By));
        Assert.Equal([address], read.Later[0].Offer.Addresses);
        Assert.Equal((null, 0), (read.Later[0].Offer.Mtu, read.Later[0].Offer.DnsServers.Count));
        Assert.Equal(["10.0.0.1"], read.Later[1].Offer.DnsServers);
    }

    [Fact]
    public void A_tunnel_is_up_when_all_was_done()
    {
        TunnelState state = TunnelState.Begin("wg0", "/wg0.conf", "00", "");
        Assert.False(TunnelState.Parse("wg0", state.ToText()).IsUp);
        state.IsUp = true;
        Assert.True(TunnelState.Parse("wg0", state.ToText()).IsUp);
    }

    [Fact]
    public void What_a_later_version_adds_is_passed_over() =>
        Assert.Equal("/a.conf", TunnelState.Parse("wg0", "config=/a.conf\ninstance=00\nfuture=1\n").Config);

    [Theory]
    [InlineData("")]
    [InlineData("config=/wg0.conf\n")]
    [InlineData("instance=00\n")]
    [InlineData("config=/wg0.conf\ninstance=00\naddress=10.0.0.1/33\n")]
    [InlineData("config=/wg0.conf\ninstance=00\nroute=10.0.0.0/8\n")]
    [InlineData("config=/wg0.conf\ninstance=00\nrule=everything\n")]
    public void What_is_no_state_is_refused(string text)
    {
        string line = Assert.Throws<SetupException>(() => TunnelState.Parse("wg0", text)).Message;
        Assert.Contains("damaged", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_with_a_line_break_is_refused() =>
        Assert.Throws<SetupException>(() => TunnelState.Begin("wg0", "/a\nstate=up/wg0.conf", "00", ""));
}
