using System.Buffers.Binary;
using WireGuard.Protocol.Framing;

namespace WireGuard.Protocol.Tests.Framing;

public sealed class FrameCodecTests
{
    [Fact]
    public void Header_is_length_and_checksum_in_little_endian()
    {
        // 04 and 31 zero bytes. The CRC is zlib's: python3 -c 'import zlib; print(hex(zlib.crc32(b"\4" + bytes(31))))'
        byte[] header = new byte[6];
        FrameCodec.WriteHeader(header, Message(4, 32));
        Assert.Equal(Convert.FromHexString("2000" + "874F8068"), header);
    }

    [Theory]
    [InlineData(32)]
    [InlineData(1_452)]
    [InlineData(65_530)]
    public void Short_checksum_is_of_the_first_16_bytes(int size)
    {
        // 04 and 15 zero bytes: python3 -c 'import zlib; print(hex(zlib.crc32(b"\4" + bytes(15))))'
        byte[] message = Message(4, size);
        message.AsSpan(16).Fill(0xEE);
        byte[] frame = Frame(message, isShort: true);
        Assert.Equal(Convert.FromHexString("D2078A38"), frame[2..6]);
        Assert.Equal(FrameStatus.Complete, FrameCodec.TryRead(frame, out int length, takesShort: true));
        Assert.Equal(size, length);
    }

    [Fact]
    public void Short_checksum_is_wrong_for_who_takes_none()
    {
        byte[] frame = Frame(Message(4, 300, seed: 19), isShort: true);
        Assert.Equal(FrameStatus.BadChecksum, FrameCodec.TryRead(frame, out _));
    }

    [Theory]
    [InlineData(1, 148)]
    [InlineData(2, 92)]
    [InlineData(3, 64)]
    public void Short_checksum_is_wrong_for_all_but_transport_messages(int type, int size)
    {
        byte[] frame = Frame(Message(type, size, seed: 21), isShort: true);
        Assert.Equal(FrameStatus.BadChecksum, FrameCodec.TryRead(frame, out _, takesShort: true));
    }

    [Fact]
    public void Who_takes_short_checksums_takes_those_of_the_message_too()
    {
        byte[] frame = Frame(Message(4, 96, seed: 23));
        Assert.Equal(FrameStatus.Complete, FrameCodec.TryRead(frame, out _, takesShort: true));
        for (int bit = 16; bit < frame.Length * 8; bit++)
        {
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(FrameStatus.Complete, FrameCodec.TryRead(frame, out _, takesShort: true));
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Frame_that_is_not_where_it_should_be_has_no_short_checksum()
    {
        byte[] frame = Frame(Message(4, 96, seed: 25), isShort: true);
        for (int bit = 16; bit < 22 * 8; bit++)
        {
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(FrameStatus.Complete, FrameCodec.TryRead(frame, out _, takesShort: true));
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.Equal(FrameStatus.Complete, FrameCodec.TryRead(frame, out _, takesShort: true));
    }

    [Theory]
    [InlineData(1, 148)]
    [InlineData(2, 92)]
    [InlineData(3, 64)]
    [InlineData(4, 32)]
    [InlineData(4, 33)]
    [InlineData(4, 1_452)]
    [InlineData(4, 65_530)]
    public void Message_that_was_framed_is_read_back(int type, int size)
    {
        byte[] frame = Frame(Message(type, size, seed: size));
        Assert.Equal(FrameStatus.Complete, FrameCodec.TryRead(frame, out int length));
        Assert.Equal(size, length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(65_531)]
    [InlineData(65_535)]
    public void Length_that_no_message_has_is_told_from_two_bytes(int length)
    {
        byte[] header = [(byte)length, (byte)(length >> 8)];
        Assert.Equal(FrameStatus.BadLength, FrameCodec.TryRead(header, out int messageLength));
        Assert.Equal(0, messageLength);
        Assert.Equal(FrameStatus.BadLength, FrameCodec.TryRead([.. header, .. new byte[70_000]], out _));
    }

    [Fact]
    public void Length_and_type_must_agree()
    {
        (int Type, Func<int, bool> Has)[] types =
        [
            (0, _ => false), (1, length => length == 148), (2, length => length == 92), (3, length => length == 64),
            (4, _ => true), (5, _ => false), (255, _ => false),
        ];
        foreach ((int type, Func<int, bool> has) in types)
        {
            foreach (int length in new[] { 32, 63, 64, 65, 91, 92, 93, 147, 148, 149, 1_500, 65_530 })
            {
                FrameStatus expected = has(length) ? FrameStatus.Incomplete : FrameStatus.BadLength;
                Assert.Equal(expected, FrameCodec.TryRead(Frame(Message(type, length)).AsSpan(0, 10), out _));
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Reserved_bytes_of_the_type_are_zero(int offset)
    {
        byte[] message = Message(4, 64);
        message[offset] = 1;
        Assert.Equal(FrameStatus.BadLength, FrameCodec.TryRead(Frame(message), out _));
    }

    [Fact]
    public void Every_split_of_several_frames_gives_the_same_messages()
    {
        byte[][] messages =
        [
            Message(1, 148, seed: 1), Message(4, 32, seed: 2), Message(2, 92, seed: 3), Message(4, 48, seed: 4),
            Message(3, 64, seed: 5),
        ];
        byte[] stream = [.. messages.SelectMany(Frame)];
        for (int split = 0; split <= stream.Length; split++)
        {
            var read = new List<byte[]>();
            int consumed = TakeAll(stream.AsSpan(0, split), read);
            int expected = read.Count; // whatever is left must wait for the rest
            Assert.Equal(expected, messages.TakeWhile((_, i) => messages.Take(i + 1).Sum(m => m.Length + 6) <= split).Count());
            TakeAll(stream.AsSpan(consumed), read);
            Assert.Equal(messages, read);
        }
    }

    [Fact]
    public void Every_prefix_of_a_frame_is_incomplete_and_says_how_long_it_will_be()
    {
        byte[] frame = Frame(Message(4, 300, seed: 7));
        for (int size = 0; size < frame.Length; size++)
        {
            Assert.Equal(FrameStatus.Incomplete, FrameCodec.TryRead(frame.AsSpan(0, size), out int length));
            Assert.Equal(size < 2 ? 0 : 300, length);
        }
    }

    [Fact]
    public void Bytes_behind_a_frame_do_not_matter()
    {
        byte[] frame = Frame(Message(4, 80, seed: 9));
        for (int more = 0; more < 12; more++)
            Assert.Equal(FrameStatus.Complete, FrameCodec.TryRead([.. frame, .. Enumerable.Repeat((byte)0xFF, more)], out _));
    }

    [Fact]
    public void Every_flipped_bit_is_noticed()
    {
        byte[] frame = Frame(Message(4, 96, seed: 11));
        for (int bit = 0; bit < frame.Length * 8; bit++)
        {
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
            FrameStatus status = FrameCodec.TryRead(frame, out int length);
            switch (bit / 8)
            {
                case < 2: // the length: impossible, or more than there is, or less, and then the checksum is of something else
                    Assert.NotEqual(FrameStatus.Complete, status);
                    break;
                case < 6:
                    Assert.Equal(FrameStatus.BadChecksum, status);
                    break;
                case < 10:
                    Assert.Equal(FrameStatus.BadLength, status);
                    break;
                default:
                    Assert.Equal(FrameStatus.BadChecksum, status);
                    break;
            }
            if (status != FrameStatus.Incomplete)
                Assert.Equal(0, length);
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.Equal(FrameStatus.Complete, FrameCodec.TryRead(frame, out _));
    }

    [Fact]
    public void Header_that_says_less_than_the_message_is_noticed()
    {
        byte[] frame = Frame(Message(4, 96, seed: 13));
        for (ushort says = 32; says < 96; says++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(frame, says);
            Assert.Equal(FrameStatus.BadChecksum, FrameCodec.TryRead(frame, out _));
        }
    }

    [Fact]
    public void Header_may_be_written_in_front_of_its_message_in_one_buffer()
    {
        byte[] message = Message(4, 200, seed: 15);
        byte[] buffer = [.. new byte[6], .. message];
        FrameCodec.WriteHeader(buffer, buffer.AsSpan(6));
        Assert.Equal(Frame(message), buffer);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(65_531)]
    [InlineData(65_536 + 148)] // must not wrap around to a length that looks right
    public void Message_that_no_frame_carries_is_a_mistake_of_the_caller(int size) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => FrameCodec.WriteHeader(new byte[6], new byte[size]));

    [Fact]
    public void Random_bytes_never_throw()
    {
        var random = new Random(1);
        byte[] buffer = new byte[512];
        for (int i = 0; i < 200_000; i++)
        {
            Span<byte> bytes = buffer.AsSpan(0, random.Next(buffer.Length));
            random.NextBytes(bytes);
            if (bytes.Length > 10 && random.Next(2) == 0)
                new byte[] { (byte)random.Next(64), 0, 0, 0, 0, 0, 4, 0, 0, 0 }.CopyTo(bytes);
            FrameStatus status = FrameCodec.TryRead(bytes, out int length, takesShort: (i & 1) == 0);
            Assert.NotEqual(FrameStatus.Complete, status); // one in 2^32 would be, and this seed has none
            Assert.True(status == FrameStatus.Incomplete || length == 0);
        }
    }

    [Fact]
    public void Framing_and_reading_allocate_nothing()
    {
        byte[] frame = Frame(Message(4, 1_452, seed: 17));
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                FrameCodec.WriteHeader(frame, frame.AsSpan(6));
                FrameCodec.TryRead(frame, out _, takesShort: true);
            }
        }));
    }

    /// <summary>Takes whole frames off the front; returns how many bytes they were.</summary>
    private static int TakeAll(ReadOnlySpan<byte> stream, List<byte[]> messages)
    {
        int consumed = 0;
        while (true)
        {
            FrameStatus status = FrameCodec.TryRead(stream[consumed..], out int length);
            if (status != FrameStatus.Complete)
            {
                Assert.Equal(FrameStatus.Incomplete, status);
                return consumed;
            }
            messages.Add(stream.Slice(consumed + FrameCodec.HeaderSize, length).ToArray());
            consumed += FrameCodec.HeaderSize + length;
        }
    }

    private static byte[] Frame(byte[] message) => Frame(message, isShort: false);

    private static byte[] Frame(byte[] message, bool isShort)
    {
        byte[] header = new byte[FrameCodec.HeaderSize];
        FrameCodec.WriteHeader(header, message, isShort);
        return [.. header, .. message];
    }

    private static byte[] Message(int type, int size, int? seed = null)
    {
        byte[] message = new byte[size];
        if (seed is int s)
            new Random(s).NextBytes(message);
        BinaryPrimitives.WriteInt32LittleEndian(message, type);
        return message;
    }
}
