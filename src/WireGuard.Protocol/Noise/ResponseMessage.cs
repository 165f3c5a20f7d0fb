using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The second message of a handshake, from responder to initiator (section 5.4.3), laid over its 92 bytes:
/// <code>
/// u32 type = 2 | u32 sender index | u32 receiver index | ephemeral 32 | empty 0 + 16 | mac1 16 | mac2 16
/// </code>
/// </summary>
internal readonly ref struct ResponseMessage
{
    public const int Size = 92;

    private readonly Span<byte> _bytes;

    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    public ResponseMessage(Span<byte> bytes) => _bytes = bytes[..Size];

    public MessageType Type
    {
        get => (MessageType)BinaryPrimitives.ReadUInt32LittleEndian(_bytes);
        set => BinaryPrimitives.WriteUInt32LittleEndian(_bytes, (uint)value);
    }

    public uint SenderIndex
    {
        get => BinaryPrimitives.ReadUInt32LittleEndian(_bytes[4..]);
        set => BinaryPrimitives.WriteUInt32LittleEndian(_bytes[4..], value);
    }

    public uint ReceiverIndex
    {
        get => BinaryPrimitives.ReadUInt32LittleEndian(_bytes[8..]);
        set => BinaryPrimitives.WriteUInt32LittleEndian(_bytes[8..], value);
    }

    public Span<byte> Ephemeral => _bytes.Slice(12, PublicKey.Size);

    public Span<byte> EncryptedNothing => _bytes.Slice(44, Aead.TagSize);
}
