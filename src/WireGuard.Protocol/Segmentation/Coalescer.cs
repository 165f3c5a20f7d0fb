namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// Glues consecutive TCP segments and UDP datagrams of a flow together, within one receive batch, so that the TUN device takes
/// them as one packet (generic receive offload). Nothing is copied: what comes out are pieces of the batch's buffer.
/// </summary>
/// <remarks>
/// <para>The rules are the kernel's (net/ipv4/tcp_offload.c, udp_offload.c, af_inet.c; net/ipv6/ip6_offload.c): what is glued
/// can be cut again into the same packets. A packet is appended to the row of its flow when</para>
/// <list type="bullet">
/// <item>IP: there are no options, extension headers or fragments; addresses, traffic class, hop limit, don't-fragment and flow
/// label are equal. The IPv4 id goes up by one each packet; under don't-fragment, where it means nothing (RFC 6864), it may
/// stay the same instead, and is then counted up from the first by whoever cuts;</item>
/// <item>TCP: it continues the row's sequence numbers; ports, acknowledgement, window, flags and options are equal. PSH and FIN
/// end a row; SYN, RST, URG and CWR never come into one;</item>
/// <item>UDP: ports are equal and there is a checksum;</item>
/// <item>it carries data, as much as each before it: a shorter one ends the row;</item>
/// <item>the whole stays within <see cref="MaxLength"/> and <see cref="MaxPieces"/>;</item>
/// <item>every checksum in it is right: a wrong one is for the receiver to find.</item>
/// </list>
/// <para>A flow's packets never change places: one that cannot be appended ends its flow's row. Rows leave in the order of their
/// first packets. The work for a packet is bounded, whatever comes: at most <see cref="MaxFlows"/> flows have an open row at
/// a time, and a new one then takes the place of another.</para>
/// <para>Order of calls: <see cref="Add"/> and <see cref="AddSuperpacket"/>, <see cref="Finish"/>, then the packets are read,
/// <see cref="Clear"/>. One thread; nothing is allocated after construction.</para>
/// </remarks>
/// <param name="maxPackets">How many packets fit between two calls of <see cref="Clear"/>.</param>
/// <param name="allowUdp">The kernel takes UDP rows (VIRTIO_NET_HDR_GSO_UDP_L4: Linux 6.2).</param>
public sealed class Coalescer(int maxPackets, bool allowUdp = true)
{
    /// <summary>The longest packet made, in bytes.</summary>
    public const int MaxLength = 65_535;

    /// <summary>
    /// The most packets glued into one: what the kernel itself makes of datagrams (UDP_GRO_CNT_MAX). 64 KB of TCP segments are
    /// no more at an MTU over 1,100. One writev(2) of so many pieces costs a sixth more than of one.
    /// </summary>
    public const int MaxPieces = 64;

    /// <summary>How many flows can have an open row.</summary>
    public const int MaxFlows = 32;

    private readonly Piece[] _pieces = new Piece[maxPackets];
    private readonly Row[] _rows = new Row[maxPackets];
    private int _pieceCount;

    // The flows whose row is open, by hash: those at the same place of both arrays, closed up.
    private readonly uint[] _flows = new uint[MaxFlows];
    private readonly int[] _flowRows = new int[MaxFlows];
    private int _flowCount;
    private uint _nextEvicted;

    /// <summary>How many packets are to be written.</summary>
    public int Count { get; private set; }

    /// <summary>No more packets can be added.</summary>
    public bool IsFull => _pieceCount == _pieces.Length;

    /// <summary>The packets to be written, in this order, after <see cref="Finish"/>.</summary>
    public CoalescedPacket this[int index]
    {
        get
        {
            ref readonly Row row = ref _rows[index];
            int segmentSize = row.Kind == SegmentationKind.None ? 0 : row.SegmentSize;
            return new CoalescedPacket(row.Kind, segmentSize, row.Layout, row.PieceCount);
        }
    }

    /// <summary>The bytes of a packet that is to be written.</summary>
    public CoalescedPieces PiecesOf(int index) => new(_pieces, _rows[index].First);

    /// <summary>Takes a packet; <see cref="IsFull"/> must be false.</summary>
    /// <param name="buffer">The batch's buffer, the same for all packets of a batch.</param>
    /// <param name="offset">Where the packet lies in it.</param>
    /// <param name="length">The packet's own length, padding cut off (<see cref="Routing.IpHeader.Length"/>).</param>
    /// <param name="mayCoalesce">False keeps it as it is; it still keeps its place among its flow's packets.</param>
    public void Add(ReadOnlySpan<byte> buffer, int offset, int length, bool mayCoalesce = true)
    {
        FlowReading reading = FlowPacket.Read(buffer.Slice(offset, length), out FlowPacket packet);
        if (reading != FlowReading.Flow)
        {
            if (reading == FlowReading.Addresses)
                CloseFlowsBetweenAddressesOf(buffer, offset);
            AddRow(offset, new PacketLayout { Length = length });
            return;
        }
        bool isCoalescable = mayCoalesce && (allowUdp || !packet.Layout.IsUdp) && packet.IsCoalescable;
        int place = FindFlow(packet.Flow);
        if (isCoalescable && place >= 0)
        {
            ref Row row = ref _rows[_flowRows[place]];
            if (TryAppend(ref row, buffer, offset, packet))
            {
                if (row.IsEnded)
                    CloseFlow(place);
                return;
            }
        }
        AddRow(offset, packet.Layout);
        if (isCoalescable && packet.EndFlags == 0)
            OpenFlow(place, packet);
        else if (place >= 0)
            CloseFlow(place);
    }

    /// <summary>
    /// Takes an unsegmented packet that came as a whole, with its headers checked and its checksum partial already. Nothing is
    /// glued to it; it keeps its place among its flow's packets.
    /// </summary>
    /// <param name="kind">What it is to be cut into.</param>
    /// <param name="segmentSize">The payload bytes of each segment but the last.</param>
    public void AddSuperpacket(ReadOnlySpan<byte> buffer, int offset, PacketLayout layout, SegmentationKind kind, int segmentSize)
    {
        switch (FlowPacket.Read(buffer.Slice(offset, layout.Length), out FlowPacket packet))
        {
            case FlowReading.Flow when FindFlow(packet.Flow) is >= 0 and int place:
                CloseFlow(place);
                break;
            case FlowReading.Addresses:
                CloseFlowsBetweenAddressesOf(buffer, offset);
                break;
        }
        ref Row row = ref AddRow(offset, layout);
        row.Kind = kind;
        row.SegmentSize = segmentSize;
    }

    /// <summary>Gives the first packets of rows the headers of the whole. Packets that stay alone are not touched.</summary>
    /// <param name="buffer">The batch's buffer.</param>
    public void Finish(Span<byte> buffer)
    {
        _flowCount = 0;
        for (int i = 0; i < Count; i++)
        {
            ref Row row = ref _rows[i];
            if (row.PieceCount == 1)
                continue;
            FlowPacket.WriteHead(buffer[_pieces[row.First].Offset..], row.Layout, row.EndFlags);
            row.Kind = row.Layout.Kind;
        }
    }

    /// <summary>Forgets all packets.</summary>
    public void Clear()
    {
        _pieceCount = 0;
        _flowCount = 0;
        Count = 0;
    }

    private bool TryAppend(ref Row row, ReadOnlySpan<byte> buffer, int offset, in FlowPacket packet)
    {
        int payload = packet.Layout.PayloadLength;
        if (payload > row.SegmentSize || row.Layout.Length + payload > MaxLength || row.PieceCount == MaxPieces)
            return false;
        ref readonly Piece first = ref _pieces[row.First];
        _ = FlowPacket.Read(buffer.Slice(first.Offset, first.Length), out FlowPacket head);
        if (!packet.HasHeadersOf(head) || !ContinuesIds(row, head, packet))
            return false;
        if (!packet.Layout.IsUdp && packet.TcpSequence != head.TcpSequence + (uint)row.Layout.PayloadLength)
            return false;
        // The first packet's own checksum is looked at once something follows: most packets that stay alone need no look.
        row.IsHeadValid = row.IsHeadValid || head.HasValidChecksums();
        if (!row.IsHeadValid || !packet.HasValidChecksums())
            return false;
        int piece = AddPiece(offset + packet.Layout.PayloadOffset, payload);
        _pieces[row.Last].Next = piece;
        row.Last = piece;
        row.Layout = row.Layout with { Length = row.Layout.Length + payload };
        row.EndFlags = packet.EndFlags;
        row.IsEnded = payload < row.SegmentSize || row.EndFlags != 0;
        row.HasFixedId = row.HasFixedId || (!packet.Layout.IsIPv6 && packet.IPv4Id == head.IPv4Id);
        row.PieceCount++;
        return true;
    }

    /// <summary>The second packet tells which it is: ids that go up, or, where they mean nothing, one that stays.</summary>
    private static bool ContinuesIds(in Row row, in FlowPacket head, in FlowPacket packet)
    {
        if (packet.Layout.IsIPv6)
            return true;
        ushort step = (ushort)(packet.IPv4Id - head.IPv4Id);
        if (row.PieceCount == 1 && step == 0)
            return packet.IPv4DontFragment;
        return step == (row.HasFixedId ? 0 : row.PieceCount);
    }

    private ref Row AddRow(int offset, PacketLayout layout)
    {
        int piece = AddPiece(offset, layout.Length);
        ref Row row = ref _rows[Count++];
        row = new Row { First = piece, Last = piece, PieceCount = 1, Layout = layout, SegmentSize = layout.PayloadLength };
        return ref row;
    }

    private int AddPiece(int offset, int length)
    {
        _pieces[_pieceCount] = new Piece { Offset = offset, Length = length, Next = -1 };
        return _pieceCount++;
    }

    /// <summary>The place of a flow's open row; -1 when it has none.</summary>
    private int FindFlow(uint flow) => _flows.AsSpan(0, _flowCount).IndexOf(flow);

    /// <summary>The row added last is its flow's open one from now on.</summary>
    private void OpenFlow(int place, in FlowPacket packet)
    {
        if (place < 0)
        {
            if (_flowCount < MaxFlows)
                place = _flowCount++;
            else
                place = (int)(_nextEvicted++ % MaxFlows);
        }
        _flows[place] = packet.Flow;
        _flowRows[place] = Count - 1;
    }

    private void CloseFlow(int place)
    {
        _flowCount--;
        _flows[place] = _flows[_flowCount];
        _flowRows[place] = _flowRows[_flowCount];
    }

    private void CloseFlowsBetweenAddressesOf(ReadOnlySpan<byte> buffer, int offset)
    {
        for (int place = _flowCount - 1; place >= 0; place--)
        {
            int head = _pieces[_rows[_flowRows[place]].First].Offset;
            if (FlowPacket.HaveSameAddresses(buffer[offset..], buffer[head..]))
                CloseFlow(place);
        }
    }

    /// <summary>Some bytes of the buffer, and the index of the piece that follows, or -1.</summary>
    internal struct Piece
    {
        public int Offset;
        public int Length;
        public int Next;
    }

    /// <summary>A packet that is to be written, or is still growing: consecutive packets of a flow.</summary>
    private struct Row
    {
        public int First;
        public int Last;
        public int PieceCount;
        public int SegmentSize;
        public PacketLayout Layout; // of the whole
        public SegmentationKind Kind; // None until it is finished
        public byte EndFlags; // of the packet appended last
        public bool IsEnded;
        public bool IsHeadValid;
        public bool HasFixedId;
    }
}
