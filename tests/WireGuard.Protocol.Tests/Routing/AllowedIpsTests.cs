using System.Globalization;
using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Tests.Routing;

/// <summary>The table of the kernel's selftest/allowedips.c, and what the kernel has no name for.</summary>
public sealed class AllowedIpsTests
{
    [Theory]
    [InlineData("192.168.4.20", "a")]
    [InlineData("192.168.4.0", "a")]
    [InlineData("192.168.4.4", "b")]
    [InlineData("192.168.200.182", "c")]
    [InlineData("192.95.5.68", "c")]
    [InlineData("192.95.5.96", "e")]
    [InlineData("2607:5300:6000:6b00::c05f:543", "d")]
    [InlineData("2607:5300:6000:6b00::c02e:1ee", "c")]
    [InlineData("2607:5300:6000:6b01::", "f")]
    [InlineData("2404:6800:4004:806::1006", "g")]
    [InlineData("2404:6800:4004:806:0:1234:0:5678", "g")]
    [InlineData("2404:67ff:4004:806:0:1234:0:5678", "f")]
    [InlineData("2404:6801:4004:806:0:1234:0:5678", "f")]
    [InlineData("2404:6800:4004:800:0:1234:0:5678", "h")]
    [InlineData("2404:6800:4004:800::", "h")]
    [InlineData("2404:6800:4004:800:1010:1010:1010:1010", "h")]
    [InlineData("2404:6800:4004:800:dead:beef:dead:beef", "a")]
    [InlineData("64.15.116.26", "g")]
    [InlineData("64.15.127.3", "g")]
    [InlineData("64.15.123.1", "g")]
    [InlineData("64.15.123.128", "h")]
    [InlineData("64.15.123.129", "h")]
    [InlineData("10.0.0.52", "a")]
    [InlineData("10.0.0.220", "b")]
    [InlineData("10.1.0.2", "a")]
    [InlineData("10.1.0.6", "b")]
    [InlineData("10.1.0.10", "c")]
    [InlineData("10.1.0.20", "d")]
    public void Longest_prefix_wins(string address, string owner) => Assert.Equal(owner, Lookup(KernelTable(), address));

    [Fact]
    public void Empty_table_owns_nothing()
    {
        Assert.Null(AllowedIps<string>.Empty.LookupIPv4(0x0A000001));
        Assert.Null(AllowedIps<string>.Empty.LookupIPv6(1));
        Assert.Empty(AllowedIps<string>.Empty.PrefixesOf("a"));
    }

    [Fact]
    public void Default_route_owns_everything_of_its_family_and_nothing_of_the_other()
    {
        var table = Table("0.0.0.0/0 a");
        Assert.Equal("a", table.LookupIPv4(0));
        Assert.Equal("a", table.LookupIPv4(uint.MaxValue));
        Assert.Null(table.LookupIPv6(0));
        table = Table("::/0 a");
        Assert.Equal("a", table.LookupIPv6(UInt128.MaxValue));
        Assert.Null(table.LookupIPv4(0));
    }

    [Fact]
    public void Owner_that_is_dropped_owns_nothing_and_others_keep_theirs()
    {
        var table = KernelTable();
        foreach (string prefix in new[] { "1.0.0.0/32", "64.0.0.0/32", "128.0.0.0/32", "192.0.0.0/32", "255.0.0.0/32" })
            table = table.With(Prefix(prefix), "a");
        table = table.WithoutOwner("a");
        foreach (string address in new[] { "1.0.0.0", "64.0.0.0", "128.0.0.0", "192.0.0.0", "255.0.0.0", "10.0.0.52" })
            Assert.Equal("e", Lookup(table, address));
        Assert.Equal("b", Lookup(table, "192.168.4.4"));
        Assert.Equal("c", Lookup(table, "192.168.4.5"));
        Assert.Empty(table.PrefixesOf("a"));
    }

    [Fact]
    public void Nested_prefixes_of_one_owner_are_dropped_together() =>
        Assert.Null(Lookup(Table("192.168.0.0/16 a", "192.168.0.0/24 a").WithoutOwner("a"), "192.168.0.1"));

    [Fact]
    public void Deepest_trie_there_can_be_is_looked_up()
    {
        var table = AllowedIps<string>.Empty;
        for (int i = 0; i < 128; i++)
            table = table.With(IpPrefix.IPv6(~(UInt128.One << i), 128), $"{i}");
        for (int i = 0; i < 128; i++)
            Assert.Equal($"{i}", table.LookupIPv6(~(UInt128.One << i)));
        for (int length = 0; length <= 128; length++)
            table = table.With(IpPrefix.IPv6(0, length), $"/{length}");
        Assert.Equal("/128", table.LookupIPv6(0));
        Assert.Equal("/127", table.LookupIPv6(1));
        Assert.Equal("/0", table.LookupIPv6(UInt128.One << 127));
    }

    [Fact]
    public void Prefixes_are_listed_in_order_of_family_address_and_length()
    {
        var table = Table(
            "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523/83 a", "192.95.5.93/27 a", "10.1.0.20/29 a", "10.1.0.16/32 a",
            "10.0.0.0/8 a", "10.0.0.0/24 b", "::/0 a", "0.0.0.0/0 a", "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523/21 a");
        Assert.Equal(
            ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.16/29", "10.1.0.16/32", "192.95.5.64/27",
                "::/0", "2607:5000::/21", "2607:5300:6d8a:6bf8:dab1:e000::/83"],
            table.PrefixesOf("a").Select(prefix => prefix.ToString()));
    }

    [Fact]
    public void Equal_prefix_moves_to_its_new_owner()
    {
        var table = Table("10.0.0.0/24 a", "10.0.0.99/24 b");
        Assert.Equal("b", Lookup(table, "10.0.0.1"));
        Assert.Empty(table.PrefixesOf("a"));
        Assert.Equal([Prefix("10.0.0.0/24")], table.PrefixesOf("b"));
    }

    [Fact]
    public void Prefix_of_somebody_else_is_not_removed()
    {
        var table = Table("10.0.0.0/24 a");
        Assert.Same(table, table.Without(Prefix("10.0.0.0/24"), "b"));
        Assert.Same(table, table.Without(Prefix("10.0.0.0/25"), "a"));
        Assert.Same(table, table.Without(Prefix("10.0.0.0/23"), "a"));
        Assert.Same(table, table.Without(Prefix("a00::/24"), "a"));
        Assert.Same(table, table.WithoutOwner("b"));
        Assert.Null(Lookup(table.Without(Prefix("10.0.0.0/24"), "a"), "10.0.0.1"));
    }

    [Fact]
    public void Prefix_that_is_the_owners_already_changes_nothing()
    {
        var table = Table("10.0.0.0/24 a");
        Assert.Same(table, table.With(Prefix("10.0.0.0/24"), "a"));
    }

    [Fact]
    public void Fork_between_two_prefixes_is_nobodys_prefix()
    {
        // 10.0.0.0/25 and 10.0.0.128/25 part at /24, where a node without owner stands.
        var table = Table("10.0.0.0/25 a", "10.0.0.128/25 a");
        Assert.Same(table, table.Without(Prefix("10.0.0.0/24"), "a"));
        Assert.Equal(2, table.PrefixesOf("a").Count);
    }

    [Fact]
    public void Older_tables_stay_as_they_were()
    {
        var before = Table("10.0.0.0/8 a", "10.1.0.0/16 b", "::/0 a");
        var after = before.With(Prefix("10.1.2.0/24"), "c").With(Prefix("10.0.0.0/8"), "c").WithoutOwner("b");
        Assert.Equal("b", Lookup(before, "10.1.2.3"));
        Assert.Equal("a", Lookup(before, "10.9.9.9"));
        Assert.Equal(2, before.PrefixesOf("a").Count);
        Assert.Equal("c", Lookup(after, "10.1.2.3"));
        Assert.Equal("c", Lookup(after, "10.1.9.9"));
    }

    [Fact]
    public void Owners_are_told_apart_by_reference()
    {
        string a = new("peer"), b = new("peer");
        var table = AllowedIps<string>.Empty.With(Prefix("10.0.0.0/24"), a).With(Prefix("10.0.1.0/24"), b);
        Assert.Same(b, Lookup(table, "10.0.1.1"));
        Assert.Same(a, Lookup(table.WithoutOwner(b), "10.0.0.1"));
        Assert.Null(Lookup(table.WithoutOwner(b), "10.0.1.1"));
    }

    [Fact]
    public void Lookup_allocates_nothing()
    {
        var table = KernelTable();
        int found = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (uint i = 0; i < 1_000; i++)
            {
                found += table.LookupIPv4(i * 4_294_967) is null ? 0 : 1;
                found += table.LookupIPv6((UInt128)i << 116) is null ? 0 : 1;
            }
        }));
        Assert.Equal(4_000, found);
    }

    [Fact]
    public void Each_prefix_more_costs_a_path_and_not_the_table()
    {
        // Allocated bytes stand for work here: they are exact where a clock is not. Path copying grows with log2, which from
        // 4,096 to 65,536 is 12 to 16; whoever copies the table would need sixteen times as much a prefix.
        long small = BytesOfAnEdit(4_096), large = BytesOfAnEdit(65_536);
        Assert.InRange(large, 1, small * 2);
        Assert.InRange(large, 1, 16_384);
    }

    private static long BytesOfAnEdit(int count)
    {
        string[] owners = [.. Enumerable.Range(0, count).Select(i => i.ToString(CultureInfo.InvariantCulture))];
        var table = AllowedIps<string>.Empty;
        for (uint i = 0; i < count; i++)
            table = table.With(IpPrefix.IPv4(0x0A000000 + i, 32), owners[i]);
        long total = Allocations.Of(() =>
        {
            for (uint i = 0; i < 100; i++)
            {
                var edited = table.WithoutOwner(owners[i * (count / 100)]);
                Assert.NotSame(table, edited);
                Assert.NotSame(table, table.With(IpPrefix.IPv4(0x0B000000 + i, 32), "new"));
            }
        });
        return total / 200;
    }

    // insert() lines of the kernel's selftest, in its order; some replace, some must lose their host bits.
    private static AllowedIps<string> KernelTable() => Table(
        "192.168.4.0/24 a", "192.168.4.4/32 b", "192.168.0.0/16 c", "192.95.5.64/27 d", "192.95.5.65/27 c",
        "2607:5300:6000:6b00::c05f:543/128 d", "2607:5300:6000:6b00::/64 c",
        "0.0.0.0/0 e", "::/0 e", "::/0 f", "2404:6800::/32 g",
        "2404:6800:4004:800:dead:beef:dead:beef/64 h", "2404:6800:4004:800:dead:beef:dead:beef/128 a",
        "2444:6800:40e4:800:deae:beef:def:beef/128 c", "2444:6800:f0e4:800:eeae:beef::/98 b",
        "64.15.112.0/20 g", "64.15.123.211/25 h",
        "10.0.0.0/25 a", "10.0.0.128/25 b", "10.1.0.0/30 a", "10.1.0.4/30 b", "10.1.0.8/29 c", "10.1.0.16/29 d");

    private static AllowedIps<string> Table(params ReadOnlySpan<string> lines)
    {
        var table = AllowedIps<string>.Empty;
        foreach (string line in lines)
        {
            string[] words = line.Split(' ');
            table = table.With(Prefix(words[0]), string.Intern(words[1]));
        }
        return table;
    }

    private static IpPrefix Prefix(string text)
    {
        Assert.True(IpPrefix.TryParse(text, out IpPrefix prefix), text);
        return prefix;
    }

    private static string? Lookup(AllowedIps<string> table, string address) =>
        IpAddressText.TryParseIPv4(address, out uint address4) ? table.LookupIPv4(address4)
        : IpAddressText.TryParseIPv6(address, out UInt128 address6) ? table.LookupIPv6(address6)
        : throw new ArgumentException(address);
}
