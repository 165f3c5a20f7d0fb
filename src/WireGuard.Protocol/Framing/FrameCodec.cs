using System.Buffers.Binary;
using System.IO.Hashing;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Framing;

/// <summary>
/// The frame that carries one WireGuard message over a stream (TCP and VSOCK), as wireguard-go-vsock has it:
/// <code>
/// u16 LE length of message | u32 LE CRC-32 (IEEE 802.3) of message | message
/// </code>
/// Frame boundaries cannot be found again in a stream, so a reader closes the connection at a bad frame.
/// <para>
/// DEVIATION: between two peers that speak HELLO the checksum may be short: of a transport message's header alone (16 bytes). It
/// still shows a lost frame boundary; the rest is protected by the message's own tag. Test: FrameCodecTests.
/// </para>
/// </summary>
public static class FrameCodec
{
    /// <summary>Bytes in front of each message.</summary>
    public const int HeaderSize = 6;

    /// <summary>The longest message a frame may carry, in bytes.</summary>
    public const int MaxMessageSize = 65_530;

    /// <summary>The shortest message there is: a keepalive, which is a transport message around nothing.</summary>
    public const int MinMessageSize = TransportMessage.MinSize;

    private const int ChecksumOffset = 2;
    private const int TypeSize = 4; // u8 type and three zero bytes, read as one little-endian number
    private const int ShortLength = TransportMessage.HeaderSize;

    /// <summary>Writes the six bytes that go in front of <paramref name="message"/>.</summary>
    /// <param name="header"><see cref="HeaderSize"/> bytes or more; they may lie right in front of the message.</param>
    /// <param name="message">A WireGuard message of <see cref="MinMessageSize"/> to <see cref="MaxMessageSize"/> bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">No frame carries a message of that length.</exception>
    public static void WriteHeader(Span<byte> header, ReadOnlySpan<byte> message) => WriteHeader(header, message, isShort: false);

    /// <inheritdoc cref="WriteHeader(Span{byte}, ReadOnlySpan{byte})"/>
    /// <param name="isShort">
    /// The message is a transport message for a reader that takes short checksums (<see cref="Segmentation.HelloFeatures"/>).
    /// </param>
    internal static void WriteHeader(Span<byte> header, ReadOnlySpan<byte> message, bool isShort)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(message.Length, MinMessageSize, nameof(message));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(message.Length, MaxMessageSize, nameof(message));
        BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)message.Length);
        uint checksum = Crc32.HashToUInt32(isShort ? message[..ShortLength] : message);
        BinaryPrimitives.WriteUInt32LittleEndian(header[ChecksumOffset..], checksum);
    }

    /// <summary>
    /// Reads the next frame at the front of a stream's buffer. A complete frame is the header and <paramref
    /// name="messageLength"/> bytes of message behind it. A bad length is found in the first two bytes, a wrong type in the first
    /// ten, without waiting for the rest.
    /// </summary>
    /// <param name="messageLength">
    /// The length that the header of a complete or an incomplete frame says; 0 for a bad one or while that is not there.
    /// </param>
    public static FrameStatus TryRead(ReadOnlySpan<byte> buffer, out int messageLength) =>
        TryRead(buffer, out messageLength, takesShort: false);

    /// <inheritdoc cref="TryRead(ReadOnlySpan{byte}, out int)"/>
    /// <param name="takesShort">Whether a short checksum is right, too.</param>
    internal static FrameStatus TryRead(ReadOnlySpan<byte> buffer, out int messageLength, bool takesShort)
    {
        messageLength = 0;
        if (buffer.Length < ChecksumOffset)
            return FrameStatus.Incomplete;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(buffer);
        if (length is < MinMessageSize or > MaxMessageSize)
            return FrameStatus.BadLength;
        if (buffer.Length >= HeaderSize + TypeSize &&
            !MessageTypes.IsLengthOf((MessageType)BinaryPrimitives.ReadUInt32LittleEndian(buffer[HeaderSize..]), length))
        {
            return FrameStatus.BadLength;
        }
        if (buffer.Length < HeaderSize + length)
        {
            messageLength = length;
            return FrameStatus.Incomplete;
        }
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(buffer[ChecksumOffset..]);
        if (!IsChecksumOf(checksum, buffer.Slice(HeaderSize, length), takesShort))
            return FrameStatus.BadChecksum;
        messageLength = length;
        return FrameStatus.Complete;
    }

    private static bool IsChecksumOf(uint checksum, ReadOnlySpan<byte> message, bool takesShort)
    {
        bool mayBeShort = takesShort && BinaryPrimitives.ReadUInt32LittleEndian(message) == (uint)MessageType.Transport;
        return (mayBeShort && Crc32.HashToUInt32(message[..ShortLength]) == checksum) || Crc32.HashToUInt32(message) == checksum;
    }
}

/// <summary>What is at the front of a stream's buffer.</summary>
public enum FrameStatus
{
    /// <summary>One whole frame with a right checksum.</summary>
    Complete,

    /// <summary>The beginning of a frame that may be right.</summary>
    Incomplete,

    /// <summary>
    /// A length that no WireGuard message can have, or not one of the type that follows. The stream is lost: close it.
    /// </summary>
    BadLength,

    /// <summary>A whole frame whose checksum is wrong. The stream is lost: close it.</summary>
    BadChecksum,
}
