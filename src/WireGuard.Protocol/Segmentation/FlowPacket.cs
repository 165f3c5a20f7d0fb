using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>How much a packet says of the flow it belongs to.</summary>
internal enum FlowReading
{
    /// <summary>It is neither TCP nor UDP.</summary>
    None,

    /// <summary>It may be of any flow between its addresses: a fragment, or headers that are not looked into.</summary>
    Addresses,

    /// <summary>Its ports are known.</summary>
    Flow,
}

/// <summary>A TCP or UDP packet as coalescing looks at it: which flow it is of, and what may be glued to what.</summary>
internal readonly ref struct FlowPacket
{
    public const byte TcpFin = 0x01;
    public const byte TcpPsh = 0x08;

    private const byte TcpAck = 0x10;
    private const byte TcpEce = 0x40;

    private const int SizeIPv4 = 20;
    private const int SizeIPv6 = 40;
    private const int SizeTcp = 20;
    private const int SizeUdp = 8;
    private const int DontFragment = 0x4000;

    private readonly ReadOnlySpan<byte> _bytes;

    private FlowPacket(ReadOnlySpan<byte> bytes, PacketLayout layout, uint flow)
    {
        _bytes = bytes;
        Layout = layout;
        Flow = flow;
    }

    public PacketLayout Layout { get; }

    /// <summary>A hash of addresses, ports and protocol. Flows that share one lose coalescing by it, and nothing else.</summary>
    public uint Flow { get; }

    /// <summary>PSH and FIN are those of a whole row's last byte: a packet with one is the last of its row.</summary>
    public byte EndFlags => Layout.IsUdp ? (byte)0 : (byte)(_bytes[Layout.TransportOffset + 13] & (TcpPsh | TcpFin));

    public uint TcpSequence => Read32(Layout.TransportOffset + 4);

    public ushort IPv4Id => Read16(4);

    public bool IPv4DontFragment => (Read16(6) & DontFragment) != 0;

    /// <summary>
    /// May be glued to another at all. TCP: data, and of the flags none but ACK, ECE, PSH and FIN. CWR is not among them: it is
    /// for one segment, and whether it is repeated in all depends on who cuts. UDP: data, a checksum, and its own length right.
    /// </summary>
    public bool IsCoalescable
    {
        get
        {
            int transport = Layout.TransportOffset;
            if (Layout.PayloadLength == 0)
                return false;
            return Layout.IsUdp
                ? Read16(transport + 6) != 0 && Read16(transport + 4) == Layout.Length - transport
                : (_bytes[transport + 13] & ~(TcpPsh | TcpFin | TcpEce)) == TcpAck;
        }
    }

    public static FlowReading Read(ReadOnlySpan<byte> bytes, out FlowPacket packet)
    {
        packet = default;
        if (bytes.Length < SizeIPv4)
            return FlowReading.None;
        return (bytes[0] >> 4) switch
        {
            4 => ReadIPv4(bytes, out packet),
            6 => ReadIPv6(bytes, out packet),
            _ => FlowReading.None,
        };
    }

    /// <summary>Whether two IP packets, of which nothing else need be known, go between the same addresses.</summary>
    public static bool HaveSameAddresses(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) =>
        a[0] >> 4 == b[0] >> 4 &&
        (a[0] >> 4 == 4 ? a[12..20].SequenceEqual(b[12..20]) : a[8..40].SequenceEqual(b[8..40]));

    /// <summary>
    /// Whether the headers are the same, but for what each segment has its own of: lengths, IPv4 id, sequence number,
    /// checksums, PSH and FIN. That takes in the flow itself.
    /// </summary>
    public bool HasHeadersOf(in FlowPacket head)
    {
        if (Layout with { Length = 0 } != head.Layout with { Length = 0 })
            return false;
        ReadOnlySpan<byte> a = _bytes[..Layout.PayloadOffset];
        ReadOnlySpan<byte> b = head._bytes[..Layout.PayloadOffset];
        bool isSameIP = Layout.IsIPv6
            ? a[..4].SequenceEqual(b[..4]) && a[6..40].SequenceEqual(b[6..40])
            : a[..2].SequenceEqual(b[..2]) && a[6..10].SequenceEqual(b[6..10]) && a[12..20].SequenceEqual(b[12..20]);
        if (!isSameIP)
            return false;
        a = a[Layout.TransportOffset..];
        b = b[Layout.TransportOffset..];
        if (!a[..4].SequenceEqual(b[..4])) // ports
            return false;
        return Layout.IsUdp ||
            (a[8..13].SequenceEqual(b[8..13]) // acknowledgement, header length and reserved bits
            && ((a[13] ^ b[13]) & ~(TcpPsh | TcpFin)) == 0
            && a[14..16].SequenceEqual(b[14..16]) // window
            && a[18..].SequenceEqual(b[18..])); // urgent pointer, options
    }

    /// <summary>What the kernel would drop, or the receiver, must not become part of something that is valid.</summary>
    public bool HasValidChecksums() =>
        (Layout.IsIPv6 || InternetChecksum.Sum(_bytes[..SizeIPv4]) == 0xFFFF) && TransportChecksum.IsValid(_bytes, Layout);

    /// <summary>Makes the first packet's headers those of the whole row.</summary>
    /// <param name="head">The first packet, where it lies.</param>
    /// <param name="whole">The layout of the whole.</param>
    /// <param name="endFlags">PSH and FIN of the last packet.</param>
    public static void WriteHead(Span<byte> head, PacketLayout whole, byte endFlags)
    {
        if (whole.IsIPv6)
            BinaryPrimitives.WriteUInt16BigEndian(head[4..], (ushort)(whole.Length - SizeIPv6));
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(head[2..], (ushort)whole.Length);
            BinaryPrimitives.WriteUInt16BigEndian(head[10..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(head[10..], (ushort)~InternetChecksum.Sum(head[..SizeIPv4]));
        }
        Span<byte> transport = head[whole.TransportOffset..];
        if (whole.IsUdp)
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)whole.TransportLength);
        else
            transport[13] |= endFlags;
        TransportChecksum.WritePartial(head, whole);
    }

    private static FlowReading ReadIPv4(ReadOnlySpan<byte> bytes, out FlowPacket packet)
    {
        packet = default;
        byte protocol = bytes[9];
        if (protocol is not (PacketLayout.Tcp or PacketLayout.Udp))
            return FlowReading.None;
        bool isPlain = bytes[0] == 0x45 // no options
            && (BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]) & ~DontFragment) == 0
            && BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]) == bytes.Length;
        if (!isPlain)
            return FlowReading.Addresses;
        ulong addresses = BinaryPrimitives.ReadUInt64LittleEndian(bytes[12..]);
        return ReadTransport(bytes, isIPv6: false, protocol, addresses, out packet);
    }

    private static FlowReading ReadIPv6(ReadOnlySpan<byte> bytes, out FlowPacket packet)
    {
        packet = default;
        if (bytes.Length < SizeIPv6)
            return FlowReading.None;
        byte protocol = bytes[6];
        if (protocol is not (PacketLayout.Tcp or PacketLayout.Udp))
            return IsExtension(protocol) ? FlowReading.Addresses : FlowReading.None;
        if (BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]) + SizeIPv6 != bytes.Length)
            return FlowReading.Addresses;
        ulong addresses = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        addresses = Mix(addresses) ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        addresses = Mix(addresses) ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]);
        addresses = Mix(addresses) ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]);
        return ReadTransport(bytes, isIPv6: true, protocol, addresses, out packet);
    }

    /// <summary>RFC 7045 section 4: the extension headers behind which TCP or UDP may come.</summary>
    private static bool IsExtension(byte nextHeader) =>
        nextHeader is 0 or 43 or 44 or 51 or 60 or 135 or 139 or 140 or 253 or 254;

    private static FlowReading ReadTransport(
        ReadOnlySpan<byte> bytes, bool isIPv6, byte protocol, ulong addresses, out FlowPacket packet)
    {
        packet = default;
        bool isUdp = protocol == PacketLayout.Udp;
        int transport = isIPv6 ? SizeIPv6 : SizeIPv4;
        if (bytes.Length < transport + (isUdp ? SizeUdp : SizeTcp))
            return FlowReading.Addresses;
        int headerSize = isUdp ? SizeUdp : (bytes[transport + 12] >> 4) * 4;
        if (headerSize < SizeUdp || (!isUdp && headerSize < SizeTcp) || transport + headerSize > bytes.Length)
            return FlowReading.Addresses;
        ulong ports = BinaryPrimitives.ReadUInt32LittleEndian(bytes[transport..]) | ((ulong)protocol << 32);
        uint flow = (uint)(Mix(Mix(addresses) ^ ports) >> 32);
        packet = new FlowPacket(bytes, new PacketLayout(isIPv6, isUdp, transport, transport + headerSize, bytes.Length), flow);
        return FlowReading.Flow;
    }

    /// <summary>Fibonacci hashing, and the high bits brought down again.</summary>
    private static ulong Mix(ulong value)
    {
        value *= 0x9E3779B97F4A7C15;
        return value ^ (value >> 29);
    }

    private ushort Read16(int offset) => BinaryPrimitives.ReadUInt16BigEndian(_bytes[offset..]);

    private uint Read32(int offset) => BinaryPrimitives.ReadUInt32BigEndian(_bytes[offset..]);
}
