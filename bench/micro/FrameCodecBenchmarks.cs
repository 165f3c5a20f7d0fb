using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using WireGuard.Protocol.Framing;

namespace WireGuard.Benchmarks;

/// <summary>A frame's header, written and checked: both sum the message.</summary>
public class FrameCodecBenchmarks
{
    private byte[] _frame = [];

    /// <summary>A message around a packet of 1,420 bytes, and the longest there is.</summary>
    [Params(1_452, FrameCodec.MaxMessageSize)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        _frame = Bytes.Random(FrameCodec.HeaderSize + Length);
        BinaryPrimitives.WriteUInt32LittleEndian(_frame.AsSpan(FrameCodec.HeaderSize), 4); // a transport message
        Write();
        if (Read() != FrameStatus.Complete)
            throw new InvalidOperationException("What was written is not read.");
    }

    [Benchmark]
    public void Write() => FrameCodec.WriteHeader(_frame, _frame.AsSpan(FrameCodec.HeaderSize));

    [Benchmark]
    public FrameStatus Read() => FrameCodec.TryRead(_frame, out _);
}
