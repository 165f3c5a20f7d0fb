using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// The checksum of TCP (RFC 9293 section 3.1) and UDP (RFC 768): over the header, the payload, and a pseudo-header of
/// addresses, protocol and length. A <b>partial</b> checksum, as Linux calls it (CHECKSUM_PARTIAL), is the pseudo-header's sum
/// alone, not complemented, where the checksum will be; the sender of the packet does the rest.
/// </summary>
internal static class TransportChecksum
{
    /// <summary>The sum of the pseudo-header with the packet's own length.</summary>
    public static ushort PseudoHeader(ReadOnlySpan<byte> packet, in PacketHeaders headers) =>
        PseudoHeader(packet, headers, headers.TransportLength);

    /// <summary>
    /// Makes a partial checksum whole, as skb_checksum_help() of Linux does: sums from <paramref name="start"/> to the end of
    /// the packet. The result 0 becomes 0xffff, since 0 says "none" in UDP; to TCP it is the same number.
    /// </summary>
    /// <param name="packet">One packet and nothing behind it.</param>
    /// <param name="start">csum_start of the virtio-net header.</param>
    /// <param name="offset">csum_offset of the virtio-net header: where the checksum lies, from <paramref name="start"/>.</param>
    /// <returns>False when the checksum does not lie in the packet; nothing is changed.</returns>
    public static bool Complete(Span<byte> packet, int start, int offset)
    {
        if (start < 0 || start > packet.Length || offset < 0 || offset > packet.Length - start - sizeof(ushort))
            return false;
        Span<byte> summed = packet[start..];
        BinaryPrimitives.WriteUInt16BigEndian(summed[offset..], NotZero((ushort)~InternetChecksum.Sum(summed)));
        return true;
    }

    /// <summary>Whether the whole checksum is right, or there is none (UDP over IPv4 may do without).</summary>
    /// <param name="packet">The packet that <paramref name="headers"/> was read from.</param>
    public static bool IsValid(ReadOnlySpan<byte> packet, in PacketHeaders headers)
    {
        if (headers.IsUdp && BinaryPrimitives.ReadUInt16BigEndian(packet[headers.ChecksumOffset..]) == 0)
            return !headers.IsIPv6;
        ReadOnlySpan<byte> transport = packet[headers.TransportOffset..headers.Length];
        return InternetChecksum.Sum(transport, PseudoHeader(packet, headers)) == 0xFFFF;
    }

    /// <summary>Puts a partial checksum in the place of whatever is there.</summary>
    /// <param name="packet">The packet that <paramref name="headers"/> was read from.</param>
    public static void WritePartial(Span<byte> packet, in PacketHeaders headers) =>
        BinaryPrimitives.WriteUInt16BigEndian(packet[headers.ChecksumOffset..], PseudoHeader(packet, headers));

    /// <summary>What a UDP header has in place of 0.</summary>
    internal static ushort NotZero(ushort checksum) => checksum == 0 ? (ushort)0xFFFF : checksum;

    internal static ushort PseudoHeader(ReadOnlySpan<byte> packet, in PacketHeaders headers, int transportLength)
    {
        uint protocolAndLength = headers.Protocol + (uint)transportLength;
        ushort sum = InternetChecksum.Sum(
            packet.Slice(headers.SourceOffset, headers.AddressSize), InternetChecksum.Fold(protocolAndLength));
        return InternetChecksum.Sum(packet.Slice(headers.FinalDestinationOffset, headers.AddressSize), sum);
    }
}
