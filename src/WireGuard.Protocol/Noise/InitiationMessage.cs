using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The first message of a handshake, from initiator to responder (section 5.4.2), laid over its 148 bytes:
/// <code>
/// u32 type = 1 | u32 sender index | ephemeral 32 | static 32 + 16 | timestamp 12 + 16 | mac1 16 | mac2 16
/// </code>
/// </summary>
internal readonly ref struct InitiationMessage
{
    public const int Size = 148;

    private readonly Span<byte> _bytes;

    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    public InitiationMessage(Span<byte> bytes) => _bytes = bytes[..Size];

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

    public Span<byte> Ephemeral => _bytes.Slice(8, PublicKey.Size);

    public Span<byte> EncryptedStatic => _bytes.Slice(40, PublicKey.Size + Aead.TagSize);

    public Span<byte> EncryptedTimestamp => _bytes.Slice(88, Tai64n.Size + Aead.TagSize);
}
