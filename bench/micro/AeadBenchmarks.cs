using BenchmarkDotNet.Attributes;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Benchmarks;

/// <summary>Sealing in place, as lanes do it, and opening; the key stays, as it does while one peer's packets come.</summary>
public class AeadBenchmarks : IDisposable
{
    private readonly Aead _aead = new();
    private readonly byte[] _key = Bytes.Random(Aead.KeySize);
    private byte[] _message = [];
    private byte[] _sealed = [];
    private byte[] _opened = [];

    [Params(64, 1_420, 16_384, 64_000)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        _message = Bytes.Random(Length + Aead.TagSize);
        _sealed = new byte[Length + Aead.TagSize];
        _opened = new byte[Length];
        _aead.Seal(_key, 1, default, _message.AsSpan(0, Length), _sealed);
        if (!Open())
            throw new InvalidOperationException("What was sealed does not open.");
    }

    [Benchmark]
    public void Seal() => _aead.Seal(_key, 1, default, _message.AsSpan(0, Length), _message);

    [Benchmark]
    public bool Open() => _aead.TryOpen(_key, 1, default, _sealed, _opened);

    [GlobalCleanup]
    public void Dispose()
    {
        _aead.Dispose();
        GC.SuppressFinalize(this);
    }
}
