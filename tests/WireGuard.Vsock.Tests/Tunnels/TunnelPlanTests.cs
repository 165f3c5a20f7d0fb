using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>What a tunnel gets, as Debian 12's wg-quick computes it.</summary>
public sealed class TunnelPlanTests
{
    private readonly Facts _kernel = new();

    [Theory]
    // The longest prefix first, equally long ones by their text from the end.
    [InlineData("10.0.0.0/24 10.0.0.1/32 10.1.0.0/16", "10.0.0.1/32 10.0.0.0/24 10.1.0.0/16")]
    [InlineData("10.0.0.2/32 10.0.0.10/32 10.0.0.1/32", "10.0.0.2/32 10.0.0.10/32 10.0.0.1/32")]
    [InlineData("fd00::/64 10.0.0.0/8 fd00::1/128 192.0.2.0/24", "fd00::1/128 fd00::/64 192.0.2.0/24 10.0.0.0/8")]
    [InlineData("10.0.0.0/24 10.0.0.0/24", "10.0.0.0/24")]
    [InlineData("", "")]
    public void Routes_are_in_the_order_of_sort(string allowedIps, string expected) =>
        Assert.Equal(expected, Routes(Make(allowedIps), table: 254));

    [Fact]
    public void Default_routes_go_to_a_table_with_rules()
    {
        TunnelPlan plan = Make("0.0.0.0/0 ::/0 10.0.0.0/8");
        Assert.Equal(51820u, plan.FirewallMark);
        Assert.Equal("10.0.0.0/8 table 254, ::/0 table 51820 rules, 0.0.0.0/0 table 51820 rules", Text(plan));
    }

    [Fact]
    public void A_table_that_is_in_use_is_passed_over()
    {
        _kernel.Tables = [51820, 51821];
        Assert.Equal(51822u, Make("0.0.0.0/0").FirewallMark);
    }

    [Fact]
    public void A_mark_that_is_given_is_the_table()
    {
        _kernel.Tables = [119];
        TunnelPlan plan = Make("0.0.0.0/0", new InterfaceSettings { Network = NetworkKind.Tcp, FwMark = 119 });
        Assert.Equal(119u, plan.FirewallMark);
        Assert.Equal("0.0.0.0/0 table 119 rules", Text(plan));
    }

    [Fact]
    public void A_table_that_the_tunnel_has_stays()
    {
        _kernel.Tables = [51820, 51821];
        Assert.Equal(51821u, TunnelPlan.Make(Settings("0.0.0.0/0"), _kernel, ownTable: 51821).FirewallMark);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0u)]
    [InlineData(7u)]
    public void Without_default_routes_the_mark_is_what_is_given(uint? mark) =>
        Assert.Equal(mark, Make("10.0.0.0/8", new InterfaceSettings { Network = NetworkKind.Tcp, FwMark = mark }).FirewallMark);

    [Fact]
    public void A_table_by_number_takes_all_routes_and_no_rules()
    {
        TunnelPlan plan = Make(
            "0.0.0.0/0 10.0.0.0/24",
            new InterfaceSettings { Network = NetworkKind.Tcp, Table = new RouteTable(RouteTableKind.Number, 1234) });
        Assert.Null(plan.FirewallMark);
        Assert.Equal("10.0.0.0/24 table 1234, 0.0.0.0/0 table 1234", Text(plan));
    }

    [Fact]
    public void Table_off_has_no_routes()
    {
        TunnelPlan plan = Make(
            "0.0.0.0/0 10.0.0.0/24", new InterfaceSettings { Network = NetworkKind.Tcp, Table = RouteTable.Off });
        Assert.Empty(plan.Routes);
        Assert.Null(plan.FirewallMark);
    }

    [Theory]
    [InlineData("vsock")]
    [InlineData("unix")]
    public void Without_policy_rules_a_default_route_over_vsock_is_in_the_main_table(string word)
    {
        Assert.True(NetworkKind.TryFromWord(word, out NetworkKind network));
        _kernel.HasIPv4Rules = false;
        TunnelPlan plan = Make("0.0.0.0/0", new InterfaceSettings { Network = network });
        Assert.Null(plan.FirewallMark);
        Assert.Equal("0.0.0.0/0 table 254", Text(plan));
    }

    [Fact]
    public void Without_policy_rules_a_default_route_over_an_ip_network_is_refused()
    {
        _kernel.HasIPv4Rules = false;
        string line = Assert.Throws<SetupException>(() => Make("0.0.0.0/0")).Message;
        Assert.Contains("CONFIG_IP_MULTIPLE_TABLES", line, StringComparison.Ordinal);
        Assert.Equal(51820u, Make("::/0").FirewallMark);
    }

    [Theory]
    [InlineData("10.0.0.0/24", "10.0.0.0/24", true)]
    [InlineData("10.0.0.0/24", "10.0.0.7/32", true)]
    [InlineData("10.0.0.0/24", "10.0.0.0/16", false)]
    [InlineData("10.0.0.0/24", "10.0.1.0/24", false)]
    [InlineData("fd00::/64", "fd00::7/128", true)]
    [InlineData("0.0.0.0/0", "fd00::7/128", false)]
    public void A_route_that_is_covered_is_not_made(string existing, string wanted, bool isCovered)
    {
        PlannedRoute route = new(Prefix(wanted), 254, HasRules: false);
        RouteMessage[] routes = [RouteMessage.To(Prefix(existing), link: 7)];
        Assert.Equal(isCovered, route.IsCovered(routes, RouteTableKind.Auto));
        Assert.False(route.IsCovered(routes, RouteTableKind.Number));
    }

    [Fact]
    public void A_default_route_with_rules_is_never_covered() => Assert.False(
        new PlannedRoute(Prefix("0.0.0.0/0"), 51820, HasRules: true)
            .IsCovered([RouteMessage.To(Prefix("0.0.0.0/0"), link: 7)], RouteTableKind.Auto));

    [Theory]
    [InlineData("vsock")]
    [InlineData("unix")]
    [InlineData("tcp6")]
    public void Over_streams_the_mtu_is_1420(string word)
    {
        Assert.True(NetworkKind.TryFromWord(word, out NetworkKind network));
        _kernel.Mtus["192.0.2.1:1"] = 9000;
        Assert.Equal(1420, Make("", new InterfaceSettings { Network = network }, "192.0.2.1:1").Mtu);
    }

    [Theory]
    [InlineData("192.0.2.1:1 192.0.2.2:1", 8920)] // the largest on the way to any endpoint
    [InlineData("192.0.2.1:1", 1370)]
    [InlineData("192.0.2.3:1", 1312)] // no route there: that of the default route
    [InlineData("", 1312)]
    public void Over_udp_the_mtu_is_what_the_way_to_peers_takes(string endpoints, int expected)
    {
        _kernel.Mtus["192.0.2.1:1"] = 1450;
        _kernel.Mtus["192.0.2.2:1"] = 9000;
        _kernel.DefaultMtu = 1392;
        Assert.Equal(expected, Make("", new InterfaceSettings { Network = NetworkKind.Udp }, endpoints).Mtu);
    }

    [Fact]
    public void Over_udp_without_any_route_the_mtu_is_that_of_ethernet() =>
        Assert.Equal(1420, Make("", new InterfaceSettings { Network = NetworkKind.Udp }, "192.0.2.1:1").Mtu);

    [Fact]
    public void An_mtu_that_is_given_is_taken() =>
        Assert.Equal(1300, Make("", new InterfaceSettings { Network = NetworkKind.Udp, Mtu = 1300 }).Mtu);

    [Fact]
    public void Rules_stand_before_those_there_are()
    {
        RuleMessage[] usual = [new(false, 255, 0), new(false, 254, 32766), new(false, 253, 32767)];
        Assert.Equal(
            ["-4 table 51820 priority 32765 not fwmark 51820", "-4 table 254 priority 32764 suppress_prefixlength 0"],
            TunnelPlan.RulesOf(isIPv6: false, 51820, usual).Select(rule => rule.ToString()));
    }

    private TunnelPlan Make(string allowedIps, InterfaceSettings? device = null, string endpoints = "") =>
        TunnelPlan.Make(Settings(allowedIps, device, endpoints), _kernel);

    private static TunnelSettings Settings(string allowedIps, InterfaceSettings? device = null, string endpoints = "")
    {
        // Each on a peer of its own: what one says is no matter of another.
        List<PeerSettings> peers = [];
        foreach (string prefix in allowedIps.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            peers.Add(new PeerSettings { PublicKey = KeyOf(peers.Count), AllowedIps = [Prefix(prefix)] });
        foreach (string text in endpoints.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.True(EndpointAddress.TryParse(text, NetworkKind.Udp, _ => 0, out EndpointAddress endpoint, out _));
            peers.Add(new PeerSettings { PublicKey = KeyOf(peers.Count), Endpoint = endpoint });
        }

        return new TunnelSettings(device ?? new InterfaceSettings { Network = NetworkKind.Tcp }, peers);
    }

    private static PublicKey KeyOf(int number)
    {
        byte[] bytes = new byte[PublicKey.Size];
        bytes[0] = (byte)(number + 1);
        return new PublicKey(bytes);
    }

    private static IpPrefix Prefix(string text)
    {
        Assert.True(IpPrefix.TryParse(text, out IpPrefix prefix));
        return prefix;
    }

    private static string Routes(TunnelPlan plan, uint table)
    {
        Assert.All(plan.Routes, route => Assert.Equal(table, route.Table));
        return string.Join(' ', plan.Routes.Select(route => route.Destination));
    }

    private static string Text(TunnelPlan plan) => string.Join(
        ", ", plan.Routes.Select(route => $"{route.Destination} table {route.Table}{(route.HasRules ? " rules" : "")}"));

    private sealed class Facts : IKernelFacts
    {
        public Dictionary<string, int> Mtus { get; } = [];

        public int DefaultMtu { get; set; }

        public bool HasIPv4Rules { get; set; } = true;

        public uint[] Tables { get; set; } = [];

        public int MtuTowards(EndpointAddress endpoint) => Mtus.GetValueOrDefault(endpoint.ToString());

        public int MtuOfDefaultRoute() => DefaultMtu;

        public bool HasRules(bool isIPv6) => isIPv6 || HasIPv4Rules;

        public bool IsEmpty(uint table) => !Tables.Contains(table);
    }
}
