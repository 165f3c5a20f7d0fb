using BenchmarkDotNet.Attributes;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Benchmarks;

/// <summary>The Internet checksum of a packet, alone and during a copy; and the copy alone, to compare.</summary>
public class ChecksumBenchmarks
{
    private byte[] _packet = [];
    private byte[] _copy = [];

    [Params(1_420, 64_000)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        _packet = Bytes.Random(Length);
        _copy = new byte[Length];
    }

    [Benchmark]
    public ushort Sum() => InternetChecksum.Sum(_packet);

    [Benchmark]
    public ushort CopyAndSum() => InternetChecksum.CopyAndSum(_packet, _copy);

    [Benchmark]
    public void Copy() => _packet.CopyTo(_copy, 0);
}
