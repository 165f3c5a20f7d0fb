using WireGuard.Vsock.Config;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

public sealed class DnsTests
{
    [Fact]
    public void Servers_have_a_line_each_and_domains_one() => Assert.Equal(
        "nameserver 10.0.0.1\nnameserver fd00::1\nsearch a.example b.example\n",
        Dns.LinesOf(new InterfaceSettings { DnsServers = ["10.0.0.1", "fd00::1"], SearchDomains = ["a.example", "b.example"] }));

    [Fact]
    public void Resolv_conf_has_no_routing_domains() => Assert.Equal(
        ["a.example"],
        Dns.WithoutRoutingDomains(new InterfaceSettings { SearchDomains = ["~.", "a.example", "~b.example"] }).SearchDomains);

    [Theory]
    [InlineData("", "")]
    [InlineData("# comment\nlo.inet*\nlo*\ntun*\n", "lo.")]
    [InlineData("lo.inet6\nlo.inet\n@(dnscrypt|resolved)\ntun*\n", "tun.")]
    [InlineData("  tap-1*  \n", "tap-1.")]
    [InlineData("*\nppp?*\n", "")]
    public void The_prefix_is_that_of_the_interface_order(string order, string prefix) =>
        Assert.Equal(prefix, Dns.PrefixIn(order));
}
