using System.Buffers.Binary;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The first four bytes of every message, read as a little-endian number: one byte of type and three reserved zeros
/// (section 5.4).
/// </summary>
internal enum MessageType : uint
{
    /// <summary>Not a message: no such type, or not the length of its type.</summary>
    None = 0,
    Initiation = 1,
    Response = 2,
    CookieReply = 3,
    Transport = 4,
}

/// <summary>Tells messages by their first four bytes and their length.</summary>
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
