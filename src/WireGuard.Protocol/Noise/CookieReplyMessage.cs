using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// A responder's or initiator's answer under load (section 5.4.7), laid over its 64 bytes:
/// <code>
/// u32 type = 3 | u32 receiver index | nonce 24 | cookie 16 + 16
/// </code>
/// </summary>
internal readonly ref struct CookieReplyMessage
{
    public const int Size = 64;
    public const int NonceSize = 24;
    public const int CookieSize = 16;

    private readonly Span<byte> _bytes;

    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    public CookieReplyMessage(Span<byte> bytes) => _bytes = bytes[..Size];

    public MessageType Type
    {
        get => (MessageType)BinaryPrimitives.ReadUInt32LittleEndian(_bytes);
        set => BinaryPrimitives.WriteUInt32LittleEndian(_bytes, (uint)value);
    }

    public uint ReceiverIndex
    {
        get => BinaryPrimitives.ReadUInt32LittleEndian(_bytes[4..]);
        set => BinaryPrimitives.WriteUInt32LittleEndian(_bytes[4..], value);
    }

    public Span<byte> Nonce => _bytes.Slice(8, NonceSize);

    public Span<byte> EncryptedCookie => _bytes.Slice(32, CookieSize + Aead.TagSize);
}
