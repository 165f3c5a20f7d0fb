using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Routing;

/// <summary>
/// Explicit congestion notification through a tunnel (RFC 6040, normal mode). The two bits are the last of an IP packet's traffic
/// class (RFC 3168 section 5).
/// <code>
/// outer packet leaves    with the inner packet's bits
///
/// inner \ outer   Not-ECT   ECT(0)    ECT(1)    CE         arrives: what the inner packet then says
/// Not-ECT         Not-ECT   Not-ECT   Not-ECT   (drop)
/// ECT(0)          ECT(0)    ECT(0)    ECT(1)    CE
/// ECT(1)          ECT(1)    ECT(1)    ECT(1)    CE
/// CE              CE        CE        CE        CE
/// </code>
/// </summary>
internal static class Ecn
{
    public const int NotEct = 0;
    public const int Ect1 = 1;
    public const int Ect0 = 2;
    public const int Ce = 3;

    private const int Mask = 3;
    private const int ChecksumIPv4 = 10;
    private const int ShiftIPv6 = 4;

    /// <summary>Has an inner packet say what the outer one that it came in was told on its way.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="headers">Its own.</param>
    /// <param name="outer">What the outer packet says.</param>
    /// <returns>False if it is to be dropped: its sender would not understand a mark.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryPropagate(Span<byte> packet, in PacketHeaders headers, int outer) =>
        outer is NotEct or Ect0 || TryChange(packet, headers, outer);

    private static bool TryChange(Span<byte> packet, in PacketHeaders headers, int outer)
    {
        int inner = headers.Ecn;
        if (outer == Ce ? inner != Ce : inner == Ect0)
        {
            if (inner == NotEct)
                return false;
            Set(packet, headers.IsIPv6, outer);
        }

        return true;
    }

    private static void Set(Span<byte> packet, bool isIPv6, int value)
    {
        if (isIPv6)
        {
            // The traffic class lies across two bytes.
            packet[1] = (byte)((packet[1] & ~(Mask << ShiftIPv6)) | (value << ShiftIPv6));
            return;
        }

        // RFC 1624, equation 3: a checksum that was wrong stays wrong.
        ushort before = BinaryPrimitives.ReadUInt16BigEndian(packet);
        packet[1] = (byte)((packet[1] & ~Mask) | value);
        ushort after = BinaryPrimitives.ReadUInt16BigEndian(packet);
        ushort checksum = BinaryPrimitives.ReadUInt16BigEndian(packet[ChecksumIPv4..]);
        ushort sum = InternetChecksum.Fold((ulong)(ushort)~checksum + (ushort)~before + after);
        BinaryPrimitives.WriteUInt16BigEndian(packet[ChecksumIPv4..], (ushort)~sum);
    }
}
