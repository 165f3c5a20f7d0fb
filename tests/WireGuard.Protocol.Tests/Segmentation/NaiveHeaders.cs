using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>A packet's headers, read the slow and obvious way.</summary>
internal sealed record NaiveHeaders
{
    public int Length { get; private set; }

    public bool IsIPv6 { get; private set; }

    public int Ecn { get; private set; }

    public int Protocol { get; private set; }

    public int TransportOffset { get; private set; }

    public int PayloadOffset { get; private set; }

    public int TcpFlags { get; private set; }

    public SegmentationKind Kind { get; private set; }

    public FlowKnowledge Flow { get; private set; }

    public int FinalDestinationOffset { get; private set; }

    /// <summary>The same of what the library read.</summary>
    public static NaiveHeaders Of(PacketHeaders headers) => new()
    {
        Length = headers.Length,
        IsIPv6 = headers.IsIPv6,
        Ecn = headers.Ecn,
        Protocol = headers.Protocol,
        TransportOffset = headers.TransportOffset,
        PayloadOffset = headers.PayloadOffset,
        TcpFlags = headers.TcpFlags,
        Kind = headers.Kind,
        Flow = headers.Flow,
        FinalDestinationOffset = headers.FinalDestinationOffset,
    };

    public static NaiveHeaders? Read(byte[] packet)
    {
        if (packet.Length >= 20 && packet[0] / 16 == 4)
            return ReadIPv4(packet);
        return packet.Length >= 40 && packet[0] / 16 == 6 ? ReadIPv6(packet) : null;
    }

    private static NaiveHeaders? ReadIPv4(byte[] packet)
    {
        int headerSize = packet[0] % 16 * 4;
        int length = packet[2] * 256 + packet[3];
        if (headerSize < 20 || length < headerSize || length > packet.Length)
            return null;
        int offset = packet[6] % 32 * 256 + packet[7];
        bool hasMore = (packet[6] & 0x20) != 0, isReserved = (packet[6] & 0x80) != 0;
        var headers = new NaiveHeaders
        {
            Length = length,
            Ecn = packet[1] % 4,
            Protocol = offset == 0 ? packet[9] : 0,
            TransportOffset = headerSize,
            FinalDestinationOffset = 16,
            Flow = packet[9] is 6 or 17 ? FlowKnowledge.Addresses : FlowKnowledge.None,
        };
        if (offset == 0 && !hasMore)
            headers.ReadTransport(packet[..length], SegmentationKind.TcpIPv4);
        if (headers.PayloadOffset != 0 && headerSize == 20 && !isReserved)
            headers.Flow = FlowKnowledge.Ports;
        return headers;
    }

    private static NaiveHeaders? ReadIPv6(byte[] packet)
    {
        int length = 40 + packet[4] * 256 + packet[5];
        if (length > packet.Length)
            return null;
        packet = packet[..length];
        var headers = new NaiveHeaders
        {
            Length = length,
            IsIPv6 = true,
            Ecn = packet[1] / 16 % 4,
            Protocol = packet[6],
            TransportOffset = 40,
            FinalDestinationOffset = 24,
        };
        int[] first = [6, 17, 0, 43, 44, 51, 60, 135, 139, 140, 253, 254];
        headers.Flow = first.Contains(packet[6]) ? FlowKnowledge.Addresses : FlowKnowledge.None;
        int final = headers.Follow(packet);
        if (final < 0)
            return headers;
        headers.ReadTransport(packet, SegmentationKind.TcpIPv6);
        if (headers.Kind != SegmentationKind.None && final > 0)
            headers.FinalDestinationOffset = final;
        if (headers.PayloadOffset != 0 && headers.TransportOffset == 40)
            headers.Flow = FlowKnowledge.Ports;
        return headers;
    }

    /// <summary>Where a routing header names the destination, 0 without one; -1 if what follows is not looked into.</summary>
    private int Follow(byte[] packet)
    {
        int final = 0;
        for (int extensions = 0; Protocol is 0 or 43 or 44 or 60; extensions++)
        {
            int at = TransportOffset, left = packet.Length - at, type = Protocol;
            Protocol = 0;
            if (left < 8)
                return -1;
            if (type == 44)
            {
                bool isFirst = packet[at + 2] == 0 && packet[at + 3] < 8;
                Protocol = isFirst ? packet[at] : 0;
                TransportOffset = at + 8;
                return -1;
            }

            int size = 8 + packet[at + 1] * 8;
            if (size > left)
                return -1;
            if (type == 43 && packet[at + 3] > 0)
            {
                if (size < 24 || packet[at + 2] is not (0 or 2 or 4) || final != 0)
                    return -1;
                final = packet[at + 2] == 0 ? at + size - 16 : at + 8;
            }

            TransportOffset = at + size;
            if (extensions == 8)
                return -1;
            Protocol = packet[at];
        }

        return final;
    }

    private void ReadTransport(byte[] packet, SegmentationKind tcp)
    {
        int left = Length - TransportOffset;
        if (Protocol == 6 && left >= 20 && packet[TransportOffset + 12] / 16 is >= 5 and int words && words * 4 <= left)
        {
            PayloadOffset = TransportOffset + words * 4;
            TcpFlags = packet[TransportOffset + 13];
            Kind = tcp;
        }

        if (Protocol == 17 && left >= 8)
        {
            PayloadOffset = TransportOffset + 8;
            if (packet[TransportOffset + 4] * 256 + packet[TransportOffset + 5] == left)
                Kind = SegmentationKind.Udp;
        }
    }
}
