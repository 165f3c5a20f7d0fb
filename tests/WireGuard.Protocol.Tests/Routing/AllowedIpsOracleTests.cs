using System.Globalization;
using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Tests.Routing;

/// <summary>The trie against a list that is searched from end to end.</summary>
public sealed class AllowedIpsOracleTests
{
    private static readonly string[] Owners = [.. Enumerable.Range(0, 12).Select(i => i.ToString(CultureInfo.InvariantCulture))];

    [Theory]
    [InlineData(1, 4)]   // few addresses, so that prefixes nest, repeat and part at every bit
    [InlineData(2, 4)]
    [InlineData(3, 12)]
    [InlineData(4, 12)]
    [InlineData(5, 128)] // addresses spread over the whole space
    public void Random_edits_and_lookups_agree_with_a_naive_table(int seed, int scatteredBits)
    {
        var random = new Random(seed);
        var table = AllowedIps<string>.Empty;
        var naive = new Dictionary<IpPrefix, string>();
        for (int step = 0; step < 4_000; step++)
        {
            IpPrefix prefix = RandomPrefix(random, scatteredBits);
            string owner = random.GetItems(Owners, 1)[0];
            switch (random.Next(40))
            {
                case < 26:
                    table = table.With(prefix, owner);
                    naive[prefix] = owner;
                    break;
                case < 39:
                    if (naive.Count > 0 && random.Next(4) != 0)
                        (prefix, owner) = naive.ElementAt(random.Next(naive.Count));
                    table = table.Without(prefix, owner);
                    if (naive.TryGetValue(prefix, out string? current) && current == owner)
                        naive.Remove(prefix);
                    break;
                default:
                    table = table.WithoutOwner(owner);
                    foreach (IpPrefix owned in naive.Where(pair => pair.Value == owner).Select(pair => pair.Key).ToList())
                        naive.Remove(owned);
                    break;
            }
            for (int i = 0; i < 8; i++)
                AssertSameLookup(table, naive, random, scatteredBits);
            if (step % 100 == 0)
                AssertSameListing(table, naive);
        }
        AssertSameListing(table, naive);
        foreach (string owner in Owners)
            table = table.WithoutOwner(owner);
        Assert.Null(table.LookupIPv4(0));
        Assert.All(Owners, owner => Assert.Empty(table.PrefixesOf(owner)));
    }

    [Theory]
    [InlineData(1, 0, 0)]    // spread over the whole space
    [InlineData(2, 8, 0)]    // all within one prefix
    [InlineData(3, 20, 0)]   // so near each other that IPv4's bits end within the index
    [InlineData(4, 12, 40)]  // nearly all, with strays
    [InlineData(5, 12, 400)] // most, with many strays
    public void An_index_changes_no_answer(int seed, int commonBits, int strays)
    {
        var random = new Random(seed);
        var table = AllowedIps<string>.Empty.With(IpPrefix.IPv6(0, 0), "default");
        var addresses = new List<UInt128>();
        for (int i = 0; i < 5_000; i++)
        {
            UInt128 address = i < strays
                ? RandomAddress(random, 128)
                : RandomAddress(random, 128) >> commonBits | UInt128.One << 127;
            int length = i == 4_000 ? commonBits : random.Next(commonBits, 129);
            addresses.Add(address);
            table = table.With(IpPrefix.IPv6(address, length), random.GetItems(Owners, 1)[0])
                .With(IpPrefix.IPv4((uint)(address >> 96), Math.Min(length, 32)), random.GetItems(Owners, 1)[0]);
        }

        for (int i = 0; i < 5_000; i++)
        {
            addresses.Add(RandomAddress(random, 128));
            addresses.Add(addresses[i] ^ (UInt128.One << random.Next(128)));
        }

        string?[] expected = [.. addresses.SelectMany(Lookups)];
        table = table.WithIndex();
        Assert.True(table.HasIndex);
        Assert.Equal(expected, addresses.SelectMany(Lookups));

        string?[] Lookups(UInt128 address) => [table.LookupIPv6(address), table.LookupIPv4((uint)(address >> 96))];
    }

    private static void AssertSameLookup(
        AllowedIps<string> table, Dictionary<IpPrefix, string> naive, Random random, int scatteredBits)
    {
        UInt128 address = RandomAddress(random, scatteredBits);
        if (naive.Count > 0 && random.Next(2) == 0) // near the edge of a prefix that is there
            address = naive.ElementAt(random.Next(naive.Count)).Key.Address ^ (UInt128.One << (128 - random.Next(1, 34)));
        uint address4 = (uint)(address >> 96);
        Assert.Equal(NaiveLookup(naive, (UInt128)address4 << 96, isIPv6: false), table.LookupIPv4(address4));
        Assert.Equal(NaiveLookup(naive, address, isIPv6: true), table.LookupIPv6(address));
    }

    private static void AssertSameListing(AllowedIps<string> table, Dictionary<IpPrefix, string> naive)
    {
        foreach (string owner in Owners)
        {
            Assert.Equal(
                naive.Where(pair => pair.Value == owner).Select(pair => pair.Key)
                    .OrderBy(p => p.IsIPv6).ThenBy(p => p.Address).ThenBy(p => p.Length),
                table.PrefixesOf(owner));
        }
    }

    private static string? NaiveLookup(Dictionary<IpPrefix, string> naive, UInt128 address, bool isIPv6)
    {
        string? owner = null;
        int longest = -1;
        foreach ((IpPrefix prefix, string candidate) in naive)
        {
            bool holds = prefix.IsIPv6 == isIPv6 &&
                (prefix.Length == 0 || (prefix.Address ^ address) >> (128 - prefix.Length) == 0);
            if (holds && prefix.Length > longest)
                (owner, longest) = (candidate, prefix.Length);
        }
        return owner;
    }

    private static IpPrefix RandomPrefix(Random random, int scatteredBits)
    {
        UInt128 address = RandomAddress(random, scatteredBits);
        return random.Next(2) == 0
            ? IpPrefix.IPv4((uint)(address >> 96), random.Next(33))
            : IpPrefix.IPv6(address, random.Next(129));
    }

    /// <summary>An address in which so many random positions, of both families' bits, are random.</summary>
    private static UInt128 RandomAddress(Random random, int scatteredBits)
    {
        if (scatteredBits == 128)
            return new UInt128((ulong)random.NextInt64(long.MinValue, long.MaxValue), (ulong)random.NextInt64());
        UInt128 address = 0;
        for (int i = 0; i < scatteredBits; i++)
            address |= (UInt128)(uint)random.Next(2) << (127 - (i * 11 % 37));
        return address;
    }
}
