using System.Buffers.Binary;
using WireGuard.Protocol.Framing;

namespace WireGuard.Vsock.Tests.Transport;

/// <summary>Messages that can be told apart when they come out of a stream.</summary>
internal static class NumberedMessage
{
    /// <summary>A transport message, whose packet begins with a number.</summary>
    public static byte[] Message(int id, int length)
    {
        byte[] message = new byte[length];
        new Random(id).NextBytes(message);
        BinaryPrimitives.WriteUInt32LittleEndian(message, length == 92 ? 2u : 4u);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), id);
        return message;
    }

    /// <summary>The same in a frame.</summary>
    public static byte[] Frame(int id, int length)
    {
        byte[] message = Message(id, length == 92 ? 93 : length), frame = new byte[FrameCodec.HeaderSize + message.Length];
        message.CopyTo(frame, FrameCodec.HeaderSize);
        FrameCodec.WriteHeader(frame, message);
        return frame;
    }

    /// <summary>The numbers of messages that are what they were.</summary>
    public static IEnumerable<int> Ids(IEnumerable<byte[]> messages)
    {
        foreach (byte[] message in messages)
        {
            int id = BinaryPrimitives.ReadInt32LittleEndian(message.AsSpan(4));
            Assert.Equal(Message(id, message.Length), message);
            yield return id;
        }
    }
}
