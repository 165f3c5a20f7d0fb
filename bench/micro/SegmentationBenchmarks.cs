using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Benchmarks;

/// <summary>A TCP packet of almost 64 KB, segmented for an MTU of 1,420; and these, coalesced again.</summary>
public class SegmentationBenchmarks
{
    private const int HeaderSize = 20 + 20;
    private const int SegmentSize = 1_380;
    private const int SlotSize = 1_536;

    private readonly byte[] _packet = Packet();
    private readonly byte[] _firstHeader = new byte[HeaderSize];
    private readonly Coalescer _coalescer = new(64);
    private byte[] _segments = [];
    private int _count;
    private int _lastLength;

    [GlobalSetup]
    public void Fill()
    {
        _segments = new byte[SlotSize * ((_packet.Length / SegmentSize) + 1)];
        _count = Split();
        _segments.AsSpan(0, HeaderSize).CopyTo(_firstHeader);
        if (Coalesce() != 1)
            throw new InvalidOperationException("What was segmented is not one packet again.");
    }

    [Benchmark]
    public int Split()
    {
        if (!PacketHeaders.TryRead(_packet, out PacketHeaders headers)
            || !Segmenter.TryBegin(_packet, headers, SegmentSize, out Segmenter segmenter))
        {
            return 0;
        }

        for (int i = 0; i < segmenter.Count; i++)
            _lastLength = segmenter.Write(i, _segments.AsSpan(i * SlotSize));
        return segmenter.Count;
    }

    [Benchmark]
    public int Coalesce()
    {
        _firstHeader.CopyTo(_segments, 0); // it became the whole's header the last time
        _coalescer.Clear();
        for (int i = 0; i < _count; i++)
        {
            int length = i < _count - 1 ? HeaderSize + SegmentSize : _lastLength;
            if (PacketHeaders.TryRead(_segments.AsSpan(i * SlotSize, length), out PacketHeaders headers))
                _coalescer.Add(_segments, i * SlotSize, headers);
        }

        _coalescer.Finish(_segments);
        return _coalescer.Count;
    }

    private static byte[] Packet()
    {
        byte[] packet = Bytes.Random(HeaderSize + (46 * SegmentSize) + 1_000);
        Span<byte> ip = packet.AsSpan(0, 20), tcp = packet.AsSpan(20, 20);
        ip[0] = 0x45;
        ip[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], 0x4000); // don't fragment
        ip[9] = 6;
        tcp[12] = 5 << 4;
        tcp[13] = 0x10; // ACK
        return packet;
    }
}
