using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// A transport data message (section 5.4.6):
/// <code>
/// u32 type = 4 | u32 receiver index | u64 counter | inner packet, padded | tag 16
/// </code>
/// An empty inner packet is a keepalive.
/// </summary>
internal static class TransportMessage
{
    public const int HeaderSize = 16;

    /// <summary>Bytes a message is longer than its padded inner packet.</summary>
    public const int Overhead = HeaderSize + Aead.TagSize;

    /// <summary>The size of a keepalive, the smallest message.</summary>
    public const int MinSize = Overhead;

    public static uint ReceiverIndex(ReadOnlySpan<byte> message) => BinaryPrimitives.ReadUInt32LittleEndian(message[4..]);

    public static ulong Counter(ReadOnlySpan<byte> message) => BinaryPrimitives.ReadUInt64LittleEndian(message[8..]);

    internal static void WriteHeader(Span<byte> message, uint receiverIndex, ulong counter)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)MessageType.Transport);
        BinaryPrimitives.WriteUInt32LittleEndian(message[4..], receiverIndex);
        BinaryPrimitives.WriteUInt64LittleEndian(message[8..], counter);
    }

    /// <summary>
    /// The length an inner packet is padded to: the next multiple of 16, but not past the interface's MTU (section
    /// 5.4.6). A packet longer than the MTU counts by what exceeds the last whole MTU, as in the kernel: the MTU may have
    /// been lowered while it was on its way. 0 means the MTU is not known.
    /// </summary>
    public static int PaddedLength(int length, int mtu)
    {
        if (mtu == 0)
            return Align(length);
        int lastUnit = length > mtu ? length % mtu : length;
        return length - lastUnit + Math.Min(mtu, Align(lastUnit));
    }

    private static int Align(int length) => (length + Limits.PaddingMultiple - 1) & -Limits.PaddingMultiple;
}
