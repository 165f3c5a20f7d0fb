using BenchmarkDotNet.Attributes;
using WireGuard.Protocol.Routing;

namespace WireGuard.Benchmarks;

/// <summary>Look-ups of addresses within random prefixes, a new one each time.</summary>
public class AllowedIpsBenchmarks
{
    private const int LookupCount = 65_536; // no two after each other are near, so most of the table is out of the caches

    private readonly uint[] _addresses4 = new uint[LookupCount];
    private readonly UInt128[] _addresses6 = new UInt128[LookupCount];
    private AllowedIps<object> _allowedIps = AllowedIps<object>.Empty;

    [Params(1_000, 100_000)]
    public int Prefixes { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        var random = new Random(1);
        object[] owners = [.. Enumerable.Range(0, 1_000).Select(_ => new object())];
        _allowedIps = AllowedIps<object>.Empty;
        for (int i = 0; i < Prefixes; i++)
        {
            uint address4 = (uint)random.NextInt64(1L << 32);
            UInt128 address6 = new(0x2001_0db8_0000_0000 | (ulong)random.NextInt64(1L << 32), (ulong)random.NextInt64());
            object owner = owners[random.Next(owners.Length)];
            _allowedIps = _allowedIps
                .With(IpPrefix.IPv4(address4, random.Next(16, 33)), owner)
                .With(IpPrefix.IPv6(address6, random.Next(48, 129)), owner);
            // The addresses of a sample of them are looked up.
            int place = i < LookupCount ? i : random.Next(i);
            if (place >= LookupCount)
                continue;
            _addresses4[place] = address4;
            _addresses6[place] = address6;
        }
        _allowedIps = _allowedIps.WithIndex();
        for (int i = Prefixes; i < LookupCount; i++)
        {
            _addresses4[i] = _addresses4[i % Prefixes];
            _addresses6[i] = _addresses6[i % Prefixes];
        }
    }

    [Benchmark(OperationsPerInvoke = LookupCount)]
    public int LookupIPv4()
    {
        int found = 0;
        foreach (uint address in _addresses4)
            if (_allowedIps.LookupIPv4(address) is not null) found++;
        return found;
    }

    [Benchmark(OperationsPerInvoke = LookupCount)]
    public int LookupIPv6()
    {
        int found = 0;
        foreach (UInt128 address in _addresses6)
            if (_allowedIps.LookupIPv6(address) is not null) found++;
        return found;
    }
}
