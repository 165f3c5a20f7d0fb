using System.Buffers.Binary;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The first four bytes of every message, read as a little-endian number: one byte of type and three reserved zeros
/// (section 5.4).
/// </summary>
internal enum MessageType : uint
{
    /// <summary>It is none of these, or not as long as its type is.</summary>
    None = 0,
    Initiation = 1,
    Response = 2,
    CookieReply = 3,
    Transport = 4,
}

/// <summary>What is told of a message by its first four bytes and its length.</summary>
internal static class MessageTypes
{
    /// <summary>The type of a message of any length and content.</summary>
    public static MessageType Of(ReadOnlySpan<byte> message)
    {
        if (message.Length < sizeof(uint))
            return MessageType.None;
        var type = (MessageType)BinaryPrimitives.ReadUInt32LittleEndian(message);
        return IsLengthOf(type, message.Length) ? type : MessageType.None;
    }

    /// <summary>Whether messages of that type have that length.</summary>
    public static bool IsLengthOf(MessageType type, int length) => type switch
    {
        MessageType.Transport => length >= TransportMessage.MinSize,
        MessageType.Initiation => length == InitiationMessage.Size,
        MessageType.Response => length == ResponseMessage.Size,
        MessageType.CookieReply => length == CookieReplyMessage.Size,
        _ => false,
    };
}
