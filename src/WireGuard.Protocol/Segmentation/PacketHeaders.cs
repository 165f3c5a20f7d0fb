using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// What a packet can be segmented into. The numbers are those of the SUPERPACKET header (docs/protocol.md).
/// </summary>
internal enum SegmentationKind : byte
{
    /// <summary>Nothing: it is no whole TCP or UDP packet.</summary>
    None = 0,

    /// <summary>TCP segments over IPv4.</summary>
    TcpIPv4 = 1,

    /// <summary>TCP segments over IPv6.</summary>
    TcpIPv6 = 2,

    /// <summary>UDP datagrams over IPv4 or IPv6.</summary>
    Udp = 3,
}

/// <summary>How much a packet says of the flow it belongs to.</summary>
internal enum FlowKnowledge : byte
{
    /// <summary>It is neither TCP nor UDP.</summary>
    None,

    /// <summary>It may be of any flow between its addresses: a fragment, or one with other headers in between.</summary>
    Addresses,

    /// <summary>Its ports are known. There are no IPv4 options and no IPv6 extension headers.</summary>
    Ports,
}

/// <summary>
/// The headers of an inner packet, read once: where its parts lie, and what is left to be done with it (its offload). Routing,
/// ECN, segmentation, coalescing, checksums and the device's header all take this value, beside the packet's bytes.
/// </summary>
/// <remarks>
/// <para>What <see cref="TryRead"/> asks of every packet (RFC 791 section 3.1, RFC 8200 section 3): it is IPv4 or IPv6, its
/// header is whole, and its length is no more than there are bytes and no less than its header. Padding may lie behind it.</para>
/// <para>What it asks of one with a <see cref="Kind"/>: it is no fragment; its IPv6 extension headers are hop-by-hop options,
/// destination options and routing headers, at most <see cref="MaxExtensions"/>, each whole; a TCP header is whole (RFC 9293
/// section 3.1); a UDP header is whole and says just the length that IP leaves for it (RFC 768).</para>
/// <para>Its fields are written where the value lies, which is faster than to make it elsewhere and copy it. Who is handed it by
/// <c>in</c> cannot change it.</para>
/// </remarks>
internal record struct PacketHeaders
{
    internal const byte Tcp = 6;
    internal const byte Udp = 17;

    internal const byte TcpFin = 0x01;
    internal const byte TcpSyn = 0x02;
    internal const byte TcpRst = 0x04;
    internal const byte TcpPsh = 0x08;
    internal const byte TcpAck = 0x10;
    internal const byte TcpUrg = 0x20;
    internal const byte TcpEce = 0x40;
    public const byte TcpCwr = 0x80;

    internal const int SizeIPv4 = 20;
    internal const int SizeIPv6 = 40;
    private const int SizeTcp = 20;
    private const int SizeUdp = 8;

    // The flags and the offset of an IPv4 header's fragment word.
    internal const int DontFragment = 0x4000;
    private const int MoreFragments = 0x2000;
    private const int FragmentOffset = 0x1FFF;

    // RFC 8200 section 4: no honest packet has a longer chain.
    private const int MaxExtensions = 8;
    private const int SizeExtension = 8;
    private const byte HopByHop = 0;
    private const byte Routing = 43;
    private const byte Fragment = 44;
    private const byte DestinationOptions = 60;

    // Where a routing header holds the destination that the checksum is made with; 0 without one.
    private ushort _routedDestination;

    /// <summary>The packet's own length in bytes, headers included: what is left without WireGuard's padding.</summary>
    public int Length { get; set; }

    public bool IsIPv6 { get; private set; }

    /// <summary>The two bits of explicit congestion notification (RFC 3168 section 5), as they were when it was read.</summary>
    public byte Ecn { get; private set; }

    /// <summary>
    /// The protocol number of what begins at <see cref="TransportOffset"/>, also in a first fragment; 0 where no header of a
    /// known kind begins: in later fragments, and behind extension headers that cannot be followed.
    /// </summary>
    public byte Protocol { get; private set; }

    /// <summary>Where that lies: the bytes of IP header, options and extension headers.</summary>
    public ushort TransportOffset { get; private set; }

    /// <summary>Where what TCP or UDP carries begins: the bytes of all headers. 0 when that is not known.</summary>
    public ushort PayloadOffset { get; set; }

    /// <summary>The flags of a TCP header, 0 of others.</summary>
    public byte TcpFlags { get; set; }

    /// <summary>What it can be segmented into; none if it can be neither segmented nor coalesced.</summary>
    public SegmentationKind Kind { get; set; }

    internal FlowKnowledge Flow { get; private set; }

    /// <summary>
    /// Offload: the bytes of payload that each of its segments but the last is to have (the kernel's gso_size). 0 for one packet
    /// that is to stay one.
    /// </summary>
    public ushort SegmentSize { get; set; }

    /// <summary>
    /// Offload: where summing begins, if the checksum is partial (csum_start): what lies from there to the end is still to be
    /// added to it. 0 if it is whole.
    /// </summary>
    public ushort PartialStart { get; set; }

    /// <summary>Offload: where a partial checksum lies, counted from <see cref="PartialStart"/> (csum_offset).</summary>
    public ushort PartialOffset { get; set; }

    public readonly bool IsUdp => Protocol == Udp;

    public readonly int PayloadLength => Length - PayloadOffset;

    /// <summary>The bytes of TCP or UDP header and payload, as pseudo-headers have it.</summary>
    public readonly int TransportLength => Length - TransportOffset;

    /// <summary>Where the TCP or UDP checksum lies.</summary>
    public readonly int ChecksumOffset => TransportOffset + (IsUdp ? 6 : 16);

    /// <summary>Whether a checksum is partial. Always so with a packet that is to be segmented.</summary>
    public readonly bool NeedsChecksum => PartialStart != 0;

    /// <summary>
    /// Whether its own TCP or UDP checksum is partial. Of a packet around another (VXLAN, say) it may be that of the inner one.
    /// </summary>
    public readonly bool NeedsOwnChecksum =>
        Kind != SegmentationKind.None && PartialStart == TransportOffset && PartialStart + PartialOffset == ChecksumOffset;

    /// <summary>The bytes of the IPv4 header with its options, or of the IPv6 header alone.</summary>
    public readonly int IpHeaderSize => IsIPv6 ? SizeIPv6 : TransportOffset;

    internal readonly int AddressSize => IsIPv6 ? 16 : 4;

    internal readonly int SourceOffset => IsIPv6 ? 8 : 12;

    internal readonly int DestinationOffset => IsIPv6 ? 24 : 16;

    /// <summary>A routing header holds another destination than the IP header (RFC 8200 section 8.1).</summary>
    internal readonly int FinalDestinationOffset => _routedDestination != 0 ? _routedDestination : DestinationOffset;

    /// <summary>The same packet, left to be segmented, its own checksum partial.</summary>
    /// <param name="segmentSize">The payload bytes of each segment but the last; what it carries or more for one segment.</param>
    public readonly PacketHeaders LeftUnsegmented(int segmentSize) => this with
    {
        SegmentSize = segmentSize < PayloadLength ? (ushort)segmentSize : (ushort)0,
        PartialStart = TransportOffset,
        PartialOffset = (ushort)(ChecksumOffset - TransportOffset),
    };

    /// <summary>The source or destination address, 4 or 16 bytes.</summary>
    public readonly ReadOnlySpan<byte> Source(ReadOnlySpan<byte> packet) => packet.Slice(SourceOffset, AddressSize);

    /// <inheritdoc cref="Source"/>
    public readonly ReadOnlySpan<byte> Destination(ReadOnlySpan<byte> packet) => packet.Slice(DestinationOffset, AddressSize);

    /// <summary>Reads the headers of an IP packet and nothing of its offload.</summary>
    /// <param name="packet">The packet, with or without padding behind it.</param>
    /// <param name="headers">What it says.</param>
    /// <returns>False when it is no IP packet whose header and length are right.</returns>
    public static bool TryRead(ReadOnlySpan<byte> packet, out PacketHeaders headers)
    {
        int version = packet.Length < SizeIPv4 ? 0 : packet[0] >> 4;
        if (version == 4)
            return TryReadIPv4(packet, out headers);
        if (version == 6)
            return TryReadIPv6(packet, out headers);
        headers = default;
        return false;
    }

    private static bool TryReadIPv4(ReadOnlySpan<byte> packet, out PacketHeaders headers)
    {
        headers = default;
        int headerSize = (packet[0] & 0xF) * 4;
        int length = Read16(packet, 2);
        if (headerSize < SizeIPv4 || length < headerSize || length > packet.Length)
            return false;
        byte protocol = packet[9];
        int fragment = Read16(packet, 6);
        bool isFragment = (fragment & (MoreFragments | FragmentOffset)) != 0;
        bool isPlain = headerSize == SizeIPv4 && (fragment & ~DontFragment) == 0;
        byte tcpFlags = 0;
        bool isWhole = false;
        int size = isFragment ? 0 : ReadTransport(packet[headerSize..length], protocol, out tcpFlags, out isWhole);
        headers.Length = length;
        headers.Ecn = (byte)(packet[1] & 3);
        headers.Protocol = (fragment & FragmentOffset) == 0 ? protocol : (byte)0;
        headers.TransportOffset = (ushort)headerSize;
        headers.PayloadOffset = size == 0 ? (ushort)0 : (ushort)(headerSize + size);
        headers.TcpFlags = tcpFlags;
        headers.Kind = !isWhole ? SegmentationKind.None : protocol == Udp ? SegmentationKind.Udp : SegmentationKind.TcpIPv4;
        headers.Flow = protocol is not (Tcp or Udp) ? FlowKnowledge.None
            : isPlain && size != 0 ? FlowKnowledge.Ports : FlowKnowledge.Addresses;
        return true;
    }

    private static bool TryReadIPv6(ReadOnlySpan<byte> packet, out PacketHeaders headers)
    {
        headers = default;
        if (packet.Length < SizeIPv6)
            return false;
        int length = SizeIPv6 + Read16(packet, 4);
        if (length > packet.Length)
            return false;
        packet = packet[..length];
        byte protocol = packet[6];
        bool isPlain = protocol is Tcp or Udp;
        FlowKnowledge flow = isPlain || IsExtension(protocol) ? FlowKnowledge.Addresses : FlowKnowledge.None;
        int transport = SizeIPv6;
        int routedDestination = 0;
        byte tcpFlags = 0;
        bool isWhole = false;
        int size = 0;
        if (isPlain || TryFollow(packet, ref transport, ref protocol, ref routedDestination))
            size = ReadTransport(packet[transport..], protocol, out tcpFlags, out isWhole);
        headers.Length = length;
        headers.IsIPv6 = true;
        headers.Ecn = (byte)((packet[1] >> 4) & 3); // the traffic class lies across two bytes
        headers.Protocol = protocol;
        headers.TransportOffset = (ushort)transport;
        headers.PayloadOffset = size == 0 ? (ushort)0 : (ushort)(transport + size);
        headers.TcpFlags = tcpFlags;
        headers.Kind = !isWhole ? SegmentationKind.None : protocol == Udp ? SegmentationKind.Udp : SegmentationKind.TcpIPv6;
        headers.Flow = isPlain && size != 0 ? FlowKnowledge.Ports : flow;
        headers._routedDestination = isWhole ? (ushort)routedDestination : (ushort)0;
        return true;
    }

    /// <summary>RFC 7045 section 4: the extension headers behind which TCP or UDP may come.</summary>
    private static bool IsExtension(byte nextHeader) =>
        nextHeader is HopByHop or Routing or Fragment or 51 or DestinationOptions or 135 or 139 or 140 or 253 or 254;

    /// <summary>Follows the extension headers of a packet that ends where it says.</summary>
    /// <returns>False for a fragment, and when it cannot be told what comes behind: then the protocol is 0.</returns>
    private static bool TryFollow(ReadOnlySpan<byte> packet, ref int transport, ref byte protocol, ref int routedDestination)
    {
        for (int i = 0; i <= MaxExtensions; i++)
        {
            if (protocol is not (HopByHop or Routing or DestinationOptions or Fragment))
                return true;
            ReadOnlySpan<byte> extension = packet[transport..];
            if (extension.Length < SizeExtension)
                break;
            if (protocol == Fragment)
            {
                protocol = (Read16(extension, 2) & 0xFFF8) == 0 ? extension[0] : (byte)0; // RFC 8200 section 4.5
                transport += SizeExtension;
                return false;
            }

            int size = (extension[1] + 1) * SizeExtension;
            if (size > extension.Length)
                break;
            if (protocol == Routing && extension[3] != 0) // segments left
            {
                int last = LastAddress(extension[..size]);
                if (last == 0 || routedDestination != 0)
                    break;
                routedDestination = transport + last;
            }

            protocol = extension[0];
            transport += size;
        }

        protocol = 0;
        return false;
    }

    /// <summary>Where a routing header that is not used up holds its last address; 0 when that is not known.</summary>
    private static int LastAddress(ReadOnlySpan<byte> routing) => routing[2] switch
    {
        0 when routing.Length >= 24 => routing.Length - 16, // RFC 2460: in the order of the path
        2 or 4 when routing.Length >= 24 => 8, // RFC 6275: the only one. RFC 8754: the last comes first
        _ => 0,
    };

    /// <summary>The bytes of a TCP or UDP header that is all there; else 0.</summary>
    /// <param name="transport">The packet from there to its end.</param>
    /// <param name="protocol">What begins there.</param>
    /// <param name="tcpFlags">The flags of TCP, or 0.</param>
    /// <param name="isWhole">Whether it also says the length that it has.</param>
    private static int ReadTransport(ReadOnlySpan<byte> transport, byte protocol, out byte tcpFlags, out bool isWhole)
    {
        tcpFlags = 0;
        isWhole = false;
        if (protocol == Tcp && transport.Length >= SizeTcp)
        {
            int size = (transport[12] >> 4) * 4;
            if (size < SizeTcp || size > transport.Length)
                return 0;
            tcpFlags = transport[13];
            isWhole = true;
            return size;
        }

        if (protocol != Udp || transport.Length < SizeUdp)
            return 0;
        isWhole = Read16(transport, 4) == transport.Length;
        return SizeUdp;
    }

    private static int Read16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16BigEndian(bytes[offset..]);
}
