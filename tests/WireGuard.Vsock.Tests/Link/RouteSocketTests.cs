using System.Buffers.Binary;
using System.Net;
using System.Text.Json.Nodes;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Link;

/// <summary>
/// What we make in one namespace and `ip` makes in another is the same to `ip -j`, in a listing of everything; deleted again, it
/// leaves nothing.
/// </summary>
public sealed class RouteSocketTests
{
    private const string Everything = """
        ip -j address show; ip -j link show
        ip -j route show table all; ip -j -6 route show table all
        ip -j rule; ip -j -6 rule
        """;

    private static readonly string[] Addresses =
    [
        "10.1.2.3/24", "10.9.2.3/32", "172.16.0.1/12", "192.0.2.2/31", "10.0.0.9/0", "127.1.2.3/8",
        "fd00::5/64", "2001:db8::1/128", "fe80::7/64", "fd01:2:3::/48",
    ];

    private static readonly (string Prefix, uint Table)[] Routes =
    [
        ("10.50.0.0/16", 254), ("10.50.0.0/16", 51820), ("0.0.0.0/0", 51820), ("0.0.0.0/0", 200), ("0.0.0.0/1", 254),
        ("128.0.0.0/1", 254), ("192.0.2.77/32", 254), ("192.0.2.77/32", 255), ("10.6.0.0/17", 4294967295),
        ("fd50::/16", 254), ("::/0", 51820), ("::/0", 200), ("2001:db8:7::1/128", 1234), ("8000::/1", 254),
    ];

    [TunFact]
    public void Addresses_are_those_that_ip_makes() => Compare(
        [.. Addresses.Select(one => $"ip {Family(one)} address add {one} dev wg0")],
        (socket, link) => Assert.All(Addresses, one => Assert.Equal(0, socket.Add(Address(one, link)))));

    [TunFact]
    public void Routes_are_those_that_ip_makes() => Compare(
        [.. Routes.Select(one => $"ip {Family(one.Prefix)} route add {one.Prefix} dev wg0 table {one.Table}")],
        (socket, link) => Assert.All(Routes, one => Assert.Equal(0, socket.Add(Route(one, link)))));

    [TunFact]
    public void Rules_are_those_that_ip_makes() => Compare(
        [
            .. from family in (string[])["-4", "-6"]
               from rule in (string[])
                   ["not fwmark 51820 table 51820", "table main suppress_prefixlength 0", "not fwmark 0x77 table 200"]
               select $"ip {family} rule add {rule}",
        ],
        (socket, _) => Assert.All((bool[])[false, true], isIPv6 =>
        {
            Assert.Equal(0, socket.Add(RuleMessage.Unmarked(isIPv6, 51820, 51820)));
            Assert.Equal(0, socket.Add(RuleMessage.MainWithoutDefault(isIPv6)));
            Assert.Equal(0, socket.Add(RuleMessage.Unmarked(isIPv6, 0x77, 200)));
        }));

    [TunFact]
    public void Links_are_set_as_ip_sets_them() => Compare(
        ["ip link set mtu 1280 dev wg0", "ip link set down dev wg0", "ip link set lo up"],
        (socket, link) =>
        {
            Assert.Equal(0, socket.SetMtu(link, 1280));
            Assert.Equal(0, socket.SetUp(link, false));
            Assert.Equal(0, socket.SetUp(1, true));
        });

    [TunFact]
    public void What_is_added_is_listed_as_it_was_made_and_deleted_leaves_nothing() => Run((socket, link) =>
    {
        string before = ListEverything();
        AddressMessage[] addresses = [.. Addresses.Where(one => !one.StartsWith("fe80")).Select(one => Address(one, link))];
        RouteMessage[] routes = [.. Routes.Select(one => Route(one, link))];
        Assert.All(addresses, one => Assert.Equal(0, socket.Add(one)));
        Assert.All(routes, one => Assert.Equal(0, socket.Add(one)));

        List<AddressMessage> listed = [];
        List<RouteMessage> found = [];
        foreach (bool isIPv6 in (bool[])[false, true])
        {
            Assert.Equal(0, socket.List(new RouteFilter(isIPv6, link), listed));
            Assert.All(addresses.Where(one => one.Address.IsIPv6 == isIPv6), one => Assert.Contains(one, listed));
            foreach (RouteMessage one in routes.Where(one => one.Destination.IsIPv6 == isIPv6))
            {
                Assert.Equal(0, socket.List(new RouteFilter(isIPv6, link, one.Table), found));
                Assert.Contains(one, found);
                Assert.All(found, other => Assert.Equal((link, one.Table), (other.Interface, other.Table)));
            }
        }

        Assert.All(routes, one => Assert.Equal(-Errno.EEXIST, socket.Add(one)));
        Assert.All(addresses, one => Assert.Equal(-Errno.EEXIST, socket.Add(one)));
        Assert.All(routes, one => Assert.Equal(0, socket.Delete(one)));
        Assert.All(addresses, one => Assert.Equal(0, socket.Delete(one)));
        Assert.All(routes, one => Assert.Equal(-3, socket.Delete(one))); // ESRCH
        Assert.All(addresses, one => Assert.Equal(-Errno.EADDRNOTAVAIL, socket.Delete(one)));
        Assert.Equal(before, ListEverything());
    });

    [TunFact]
    public void A_route_of_another_program_is_told_from_ours() => Run((socket, link) =>
    {
        RouteMessage ours = RouteMessage.To(Prefix("10.50.0.0/16"), link);
        List<RouteMessage> found = [];
        foreach (string more in (string[])
            ["proto static", "metric 7", "src 10.1.0.1", "mtu 1300", "via 10.1.0.9", "scope global"])
        {
            Namespace.Sh($"ip address replace 10.1.0.1/24 dev wg0; ip route add 10.50.0.0/16 dev wg0 {more}");
            Assert.Equal(0, socket.List(new RouteFilter(false, link, Libc.RT_TABLE_MAIN), found));
            RouteMessage other = Assert.Single(found, one => one.Destination == ours.Destination);
            Assert.NotEqual(ours, other);
            Assert.Equal(more == "mtu 1300" ? 1300 : 0, other.Mtu);
            Namespace.Sh("ip route del 10.50.0.0/16");
        }
    });

    [TunFact]
    public void Rules_are_deleted_exactly() => Run((socket, _) =>
    {
        Namespace.Sh("ip rule add table main suppress_prefixlength 0 iif lo; ip rule add table main suppress_prefixlength 0");
        List<RuleMessage> rules = [];
        Assert.Equal(0, socket.List(new RouteFilter(false), rules));
        RuleMessage ours = RuleMessage.MainWithoutDefault(false) with { Priority = RuleMessage.NextPriority(rules) };
        Assert.Equal(32763u, ours.Priority);
        string before = Namespace.Sh("ip -j rule");
        Assert.Equal(-Errno.ENOENT, socket.DeleteExactly(ours));
        Assert.Equal(0, socket.Add(ours));
        Assert.Equal(-Errno.EEXIST, socket.Add(ours));
        // Of the same priority, and found before ours by a request to delete it.
        Assert.Equal(-Errno.ENOENT, socket.DeleteExactly(ours with { Priority = 32765 }));
        Assert.Equal(0, socket.DeleteExactly(ours));
        Assert.Equal(before, Namespace.Sh("ip -j rule"));
    });

    [TunFact]
    public void The_priority_of_the_next_rule_is_the_one_that_the_kernel_chooses() => Run((socket, _) =>
    {
        List<RuleMessage> rules = [];
        for (int i = 0; i < 4; i++)
        {
            if (i == 2) Namespace.Sh("ip rule add priority 100 table 7");
            Assert.Equal(0, socket.List(new RouteFilter(false), rules));
            RuleMessage made = RuleMessage.Unmarked(false, 5, 5) with { Priority = RuleMessage.NextPriority(rules) };
            Assert.Equal(0, socket.Add(made with { Priority = null }));
            Assert.Equal(0, socket.List(new RouteFilter(false), rules));
            Assert.Equal(made, rules[1]);
        }
    });

    [TunFact]
    public void Every_selector_of_another_rule_is_seen() => Run((socket, _) =>
    {
        List<RuleMessage> rules = [];
        foreach (string more in (string[])
            ["from 10.0.0.0/8", "to 10.0.0.0/8", "iif lo", "oif lo", "tos 0x10", "fwmark 5/0xff", "uidrange 0-5", "ipproto tcp",
                "sport 5", "dport 6-7", "protocol static", "suppress_ifgroup 3"])
        {
            Namespace.Sh($"ip rule add priority 5 {more} table 7");
            Assert.Equal(0, socket.List(new RouteFilter(false, Table: 7), rules));
            Assert.True(Assert.Single(rules).HasOthers, more);
            Namespace.Sh("ip rule del priority 5");
        }
    });

    [TunFact]
    public void An_interface_is_found_by_name_and_index_and_deleted() => Run((socket, link) =>
    {
        Assert.Equal(0, socket.Find("wg0", out LinkState state));
        Assert.Equal((link, "wg0", true, 1500, "tun"), (state.Index, state.Name, state.IsUp, state.Mtu, state.Kind));
        Assert.Equal(0, socket.Find(link, out LinkState same));
        Assert.Equal(state, same);
        Assert.Equal(0, socket.Find("lo", out LinkState loopback));
        Assert.Equal((1, 65536, null), (loopback.Index, loopback.Mtu, loopback.Kind));
        Assert.Equal(-Errno.ENODEV, socket.Find("wg1", out _));
        Assert.Equal(-Errno.ENODEV, socket.Find("a-name-that-is-far-too-long", out _));
        Assert.Equal(-Errno.EINVAL, socket.SetMtu(link, 10));
        Assert.StartsWith("Invalid argument: ", socket.Explain(-Errno.EINVAL));
        Assert.Equal(0, socket.DeleteLink(link));
        Assert.Equal(-Errno.ENODEV, socket.Find("wg0", out _));
        Assert.Equal(-Errno.ENODEV, socket.DeleteLink(link));
        Assert.Equal(-Errno.ENODEV, socket.SetUp(link, true));
    });

    [TunFact]
    public void An_interface_without_IPv6_is_told_by_errno() => Run((socket, link) =>
    {
        Namespace.Sh("echo 1 >/proc/sys/net/ipv6/conf/wg0/disable_ipv6");
        Assert.Equal(-Errno.EACCES, socket.Add(Address("fd00::1/64", link)));
        Assert.False(RouteSocket.IsUnsupported(-Errno.EACCES));
    });

    [TunFact]
    public void Long_lists_are_read_whole() => Run((socket, link) =>
    {
        Namespace.Sh("for i in $(seq 5000); do echo route add 10.$((i / 250)).$((i % 250)).0/24 dev wg0 table 7; done | ip -b -");
        List<RouteMessage> found = [];
        Assert.Equal(0, socket.List(new RouteFilter(false, link, 7), found));
        Assert.Equal(5000, found.Distinct().Count());
        Assert.Equal(0, socket.List(new RouteFilter(false, link), found));
        Assert.Equal(5000, found.Count(one => one.Table == 7));
    });

    [TunFact]
    public void Answers_longer_than_the_buffer_are_asked_for_again() => Run((socket, link) =>
    {
        Namespace.Sh("for i in $(seq 99); do echo route add 10.0.$i.0/24 dev wg0; done | ip -b -");
        using RouteSocket small = new(bufferSize: 64);
        List<RouteMessage> found = [], expected = [];
        Assert.Equal(0, small.List(new RouteFilter(false, link), found));
        Assert.Equal(0, socket.List(new RouteFilter(false, link), expected));
        Assert.Equal(99, found.Count(one => one.Table == Libc.RT_TABLE_MAIN));
        Assert.Equal(expected, found);
        using RouteSocket another = new(bufferSize: 64);
        Assert.Equal(0, another.Find(link, out LinkState state));
        Assert.Equal("wg0", state.Name);
    });

    [TunFact]
    public void The_MTU_of_a_route_is_told() => Run((socket, link) =>
    {
        socket.Dispose();
        Namespace.Sh("ip route add 192.0.2.0/24 dev wg0 mtu 1333; ip route add 198.51.100.0/24 dev wg0");
        using RouteQuery query = new();
        Assert.Equal(0, query.TryAskMtu(Endpoint("192.0.2.1"), Libc.IPPROTO_UDP, 0, out var route, out int mtu));
        Assert.Equal((link, 1333), (route.Interface, mtu));
        Assert.Equal(0, query.TryAskMtu(Endpoint("198.51.100.1"), Libc.IPPROTO_UDP, 0, out _, out mtu));
        Assert.Equal(0, mtu);
        Assert.Equal(-Errno.ENETUNREACH, query.TryAskMtu(Endpoint("203.0.113.1"), Libc.IPPROTO_UDP, 0, out _, out _));
    });

    /// <summary>`ip`'s commands in one namespace and ours in another.</summary>
    private static void Compare(string[] commands, Action<RouteSocket, int> make)
    {
        string expected = "", actual = "";
        Run((_, _) =>
        {
            Namespace.Sh(string.Join('\n', commands));
            expected = ListEverything();
        });
        Run((socket, link) =>
        {
            make(socket, link);
            actual = ListEverything();
        });
        Assert.Equal(expected, actual);
    }

    /// <summary>All that `ip` lists, but for the multicast route that the kernel makes some time after a link is up.</summary>
    private static string ListEverything() => string.Join('\n', Namespace.Sh(Everything).Split('\n').Select(line =>
        line.Length == 0 ? line : string.Join('\n', JsonNode.Parse(line)!.AsArray()
            .Where(one => (string?)one!["type"] != "multicast").Select(one => one!.ToJsonString()))));

    private static void Run(Action<RouteSocket, int> test) => Namespace.Run(() =>
    {
        Namespace.Sh("ip tuntap add mode tun name wg0; ip link set wg0 addrgenmode none; ip link set wg0 up");
        using RouteSocket socket = new();
        test(socket, (int)Sys.InterfaceIndex("wg0"));
    });

    private static string Family(string text) => text.Contains(':') ? "-6" : "-4";

    private static AddressMessage Address(string text, int link) =>
        InterfaceAddress.TryParse(text, out InterfaceAddress address) ? new(address, link) : throw new FormatException(text);

    private static RouteMessage Route((string Prefix, uint Table) route, int link) =>
        RouteMessage.To(Prefix(route.Prefix), link, route.Table);

    private static IpPrefix Prefix(string text) =>
        IpPrefix.TryParse(text, out IpPrefix prefix) ? prefix : throw new FormatException(text);

    private static EndpointAddress Endpoint(string address) =>
        EndpointAddress.IPv4(BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes()), port: 5);
}
