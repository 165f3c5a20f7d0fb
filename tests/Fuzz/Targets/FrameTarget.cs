using System.Buffers.Binary;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Transport;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A stream of frames, read whole and in pieces: both give the same frames and the same end; no frame passes whose checksum,
/// summed bit by bit, is not right, or whose length its message cannot have; writing a frame's header gives its bytes again.
/// <code>u8 flags | u16 bytes a read | the stream</code>
/// </summary>
internal sealed class FrameTarget : FuzzTarget
{
    private const int TakesShort = 1, WritesChecksums = 2, WritesShort = 4;

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] initiation = new byte[InitiationMessage.Size], transport = new byte[64];
        initiation[0] = 1;
        transport[0] = 4;
        byte[] stream = [.. Frame(initiation), .. Frame(transport), .. Frame(transport)];
        foreach (int flags in (int[])[0, TakesShort, WritesChecksums, TakesShort | WritesChecksums | WritesShort])
            yield return new Chosen().Byte(flags).UInt16(100).Bytes(stream).ToArray();
        yield return new Chosen().Byte(0).UInt16(0).Bytes(Frame(transport)).ToArray();
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        Choices choices = new(input);
        int flags = choices.Byte(), step = choices.UInt16();
        byte[] stream = choices.Rest.ToArray();
        if ((flags & WritesChecksums) != 0)
            WriteChecksums(stream, isShort: (flags & WritesShort) != 0);
        bool takesShort = (flags & TakesShort) != 0;
        List<int> whole = [], inPieces = [];
        FrameStatus status = Read(stream, takesShort, whole, out _);
        foreach (int offset in whole)
            CheckFrame(stream.AsSpan(offset), takesShort);
        FrameStatus end = ReadInPieces(stream, Math.Max(step, 1), takesShort, inPieces);
        Fact.Same(status, end, "the end of a stream read in pieces");
        Fact.Holds(whole.SequenceEqual(inPieces), "a stream read in pieces has the same frames");
    }

    private static byte[] Frame(byte[] message)
    {
        byte[] frame = new byte[FrameCodec.HeaderSize + message.Length];
        message.CopyTo(frame, FrameCodec.HeaderSize);
        FrameCodec.WriteHeader(frame, message);
        return frame;
    }

    /// <summary>Reads frames until there is no whole one, as a lane does.</summary>
    private static FrameStatus Read(ReadOnlySpan<byte> stream, bool takesShort, List<int> offsets, out int end)
    {
        end = 0;
        while (true)
        {
            FrameStatus status = FrameCodec.TryRead(stream[end..], out int length, takesShort);
            bool isKnown = status is FrameStatus.Complete or FrameStatus.Incomplete;
            Fact.Holds(isKnown || length == 0, "a bad frame has no length");
            bool isBounded = length is 0 or (>= FrameCodec.MinMessageSize and <= FrameCodec.MaxMessageSize);
            Fact.Holds(isBounded, "a frame's length is bounded");
            if (status != FrameStatus.Complete)
                return status;
            offsets.Add(end);
            end += FrameCodec.HeaderSize + length;
            Fact.Holds(end <= stream.Length, "a whole frame lies in the stream");
        }
    }

    private static FrameStatus ReadInPieces(ReadOnlySpan<byte> stream, int step, bool takesShort, List<int> offsets)
    {
        PartialFrame partial = default;
        FrameStatus status = FrameStatus.Incomplete;
        // No more than so many reads, lest a long stream in steps of a byte takes long.
        step = Math.Max(step, stream.Length / 256);
        for (int begin = 0; begin < stream.Length && status == FrameStatus.Incomplete; begin += step)
        {
            ReadOnlySpan<byte> piece = stream[begin..Math.Min(begin + step, stream.Length)];
            byte[] buffer = new byte[partial.Length + piece.Length];
            partial.CopyTo(buffer);
            piece.CopyTo(buffer.AsSpan(partial.Length));
            int first = begin - partial.Length, known = offsets.Count;
            status = Read(buffer, takesShort, offsets, out int end);
            for (int i = known; i < offsets.Count; i++)
                offsets[i] += first;
            partial.Keep(buffer.AsSpan(end));
            Fact.Holds(partial.Length < FrameCodec.HeaderSize + FrameCodec.MaxMessageSize || status != FrameStatus.Incomplete,
                "what is kept is less than a frame");
        }

        partial.Release();
        return status;
    }

    private static void CheckFrame(ReadOnlySpan<byte> frame, bool takesShort)
    {
        int length = BinaryPrimitives.ReadUInt16LittleEndian(frame);
        ReadOnlySpan<byte> message = frame.Slice(FrameCodec.HeaderSize, length);
        Fact.Holds(MessageTypes.Of(message) != MessageType.None, "a frame holds a message");
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(frame[2..]);
        bool isShort = takesShort && message[0] == 4 && checksum == Crc(message[..16]);
        Fact.Holds(isShort || checksum == Crc(message), "a frame's checksum is right");
        Span<byte> written = stackalloc byte[FrameCodec.HeaderSize];
        FrameCodec.WriteHeader(written, message, isShort);
        Fact.SameBytes(frame[..FrameCodec.HeaderSize], written, "a header that is written anew");
    }

    private static void WriteChecksums(Span<byte> stream, bool isShort)
    {
        while (stream.Length > FrameCodec.HeaderSize)
        {
            int length = Math.Min(BinaryPrimitives.ReadUInt16LittleEndian(stream), stream.Length - FrameCodec.HeaderSize);
            ReadOnlySpan<byte> message = stream.Slice(FrameCodec.HeaderSize, length);
            ReadOnlySpan<byte> summed = isShort && length >= 16 && message[0] == 4 ? message[..16] : message;
            BinaryPrimitives.WriteUInt32LittleEndian(stream[2..], Crc(summed));
            stream = stream[(FrameCodec.HeaderSize + length)..];
        }
    }

    /// <summary>CRC-32 of IEEE 802.3, bit by bit.</summary>
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0xEDB8_8320 & (0 - (crc & 1)));
        }

        return ~crc;
    }
}
