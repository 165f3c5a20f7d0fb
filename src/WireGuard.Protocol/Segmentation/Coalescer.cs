using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// Coalesces consecutive TCP segments and UDP datagrams of a flow, within one receive batch, so that the TUN device takes them as
/// one packet (generic receive offload). Nothing is copied: what comes out are pieces of the batch's buffer.
/// </summary>
/// <remarks>
/// <para>The rules are the kernel's: what is coalesced can be segmented again into the same packets. A packet is appended to the
/// row of its flow when</para>
/// <list type="bullet">
/// <item>IP: there are no options, extension headers or fragments; addresses, traffic class, hop limit, don't-fragment and flow
/// label are equal. The IPv4 id goes up by one each packet; under don't-fragment, where it means nothing (RFC 6864), it may
/// stay the same instead, and is then counted up from the first when it is segmented;</item>
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
/// <para>Order of calls: <see cref="Add"/>, <see cref="Finish"/>, then the packets are read, <see cref="Clear"/>. One
/// thread; nothing is allocated after construction.</para>
/// </remarks>
/// <param name="maxPackets">How many packets fit between two calls of <see cref="Clear"/>.</param>
/// <param name="allowUdp">The kernel takes UDP rows (VIRTIO_NET_HDR_GSO_UDP_L4: Linux 6.2).</param>
internal sealed class Coalescer(int maxPackets, bool allowUdp = true)
{
    /// <summary>The longest packet made, in bytes.</summary>
    public const int MaxLength = 65_535;

    /// <summary>
    /// The most packets coalesced into one: what the kernel itself makes of datagrams (UDP_GRO_CNT_MAX). 64 KB of TCP segments
    /// are no more at an MTU over 1,100. One writev(2) of so many pieces costs a sixth more than of one.
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

    /// <summary>
    /// The packets to be written, in this order, after <see cref="Finish"/>: the headers of each, and whether it is left to be
    /// segmented. One that is not to be segmented is as it came.
    /// </summary>
    public ref readonly PacketHeaders this[int index] => ref _rows[index].Headers;

    /// <summary>The bytes of a packet that is to be written.</summary>
    public CoalescedPieces PiecesOf(int index) => new(_pieces, _rows[index].First);

    /// <summary>Takes a packet; <see cref="IsFull"/> must be false.</summary>
    /// <param name="buffer">The batch's buffer, the same for all packets of a batch.</param>
    /// <param name="offset">Where the packet lies in it.</param>
    /// <param name="headers">
    /// The packet's. To one that came unsegmented, its checksum partial already, nothing is appended.
    /// </param>
    /// <param name="mayCoalesce">False keeps it as it is; it still keeps its place among its flow's packets.</param>
    public void Add(ReadOnlySpan<byte> buffer, int offset, in PacketHeaders headers, bool mayCoalesce = true)
    {
        ReadOnlySpan<byte> packet = buffer.Slice(offset, headers.Length);
        if (headers.Flow != FlowKnowledge.Ports)
        {
            if (headers.Flow == FlowKnowledge.Addresses)
                CloseFlowsBetweenAddressesOf(packet, headers, buffer);
            AddRow(offset, headers);
            return;
        }

        bool isCoalescable = mayCoalesce && !headers.NeedsChecksum && (allowUdp || !headers.IsUdp)
            && CoalescingRules.MayCoalesce(packet, headers);
        uint flow = CoalescingRules.FlowOf(packet, headers);
        int place = FindFlow(flow);
        if (isCoalescable && place >= 0)
        {
            ref Row row = ref _rows[_flowRows[place]];
            if (TryAppend(ref row, buffer, offset, packet, headers))
            {
                if (row.IsEnded)
                    CloseFlow(place);
                return;
            }
        }

        ref Row added = ref AddRow(offset, headers);
        if (isCoalescable && (headers.TcpFlags & CoalescingRules.EndFlags) == 0)
        {
            added.SegmentSize = headers.PayloadLength;
            added.ReadHead(packet);
            OpenFlow(place, flow);
        }
        else if (place >= 0)
        {
            CloseFlow(place);
        }
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
            PacketHeaders whole = row.Headers with
            {
                Length = row.Length,
                TcpFlags = (byte)(row.Headers.TcpFlags | row.EndFlags),
            };
            row.Headers = whole.LeftUnsegmented(row.SegmentSize);
            CoalescingRules.WriteHead(buffer[_pieces[row.First].Offset..], row.Headers);
        }
    }

    /// <summary>Forgets all packets.</summary>
    public void Clear()
    {
        _pieceCount = 0;
        _flowCount = 0;
        Count = 0;
    }

    private bool TryAppend(
        ref Row row, ReadOnlySpan<byte> buffer, int offset, ReadOnlySpan<byte> packet, in PacketHeaders headers)
    {
        int payload = headers.PayloadLength;
        if (payload > row.SegmentSize || row.Length + payload > MaxLength || row.PieceCount == MaxPieces)
            return false;
        ReadOnlySpan<byte> head = buffer.Slice(_pieces[row.First].Offset, row.Headers.Length);
        if (!CoalescingRules.HaveSameHeaders(packet, headers, head, row.Headers))
            return false;
        if (!(headers.IsUdp || row.Continues(packet, headers)) || !row.ContinuesIds(packet, headers, out bool isFixedId))
            return false;
        // The first packet's own checksum is looked at once something follows: most packets that stay alone need no look.
        row.IsHeadValid = row.IsHeadValid || CoalescingRules.HasValidChecksums(head, row.Headers);
        if (!row.IsHeadValid || !CoalescingRules.HasValidChecksums(packet, headers))
            return false;
        int piece = AddPiece(offset + headers.PayloadOffset, payload);
        _pieces[row.Last].Next = piece;
        row.Last = piece;
        row.Length += payload;
        row.EndFlags = (byte)(headers.TcpFlags & CoalescingRules.EndFlags);
        row.IsEnded = payload < row.SegmentSize || row.EndFlags != 0;
        row.HasFixedId = isFixedId;
        row.PieceCount++;
        return true;
    }

    private ref Row AddRow(int offset, in PacketHeaders headers)
    {
        int piece = AddPiece(offset, headers.Length);
        ref Row row = ref _rows[Count++];
        row = new Row { First = piece, Last = piece, PieceCount = 1, Headers = headers, Length = headers.Length };
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
    private void OpenFlow(int place, uint flow)
    {
        if (place < 0)
        {
            if (_flowCount < MaxFlows)
                place = _flowCount++;
            else
                place = (int)(_nextEvicted++ % MaxFlows);
        }
        _flows[place] = flow;
        _flowRows[place] = Count - 1;
    }

    private void CloseFlow(int place)
    {
        _flowCount--;
        _flows[place] = _flows[_flowCount];
        _flowRows[place] = _flowRows[_flowCount];
    }

    private void CloseFlowsBetweenAddressesOf(
        ReadOnlySpan<byte> packet, in PacketHeaders headers, ReadOnlySpan<byte> buffer)
    {
        for (int place = _flowCount - 1; place >= 0; place--)
        {
            ref readonly Row row = ref _rows[_flowRows[place]];
            ReadOnlySpan<byte> head = buffer[_pieces[row.First].Offset..];
            if (CoalescingRules.HaveSameAddresses(packet, headers, head, row.Headers))
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
        public int Length; // of the whole
        public PacketHeaders Headers; // of the first packet; once finished, of the whole
        public uint HeadSequence;
        public ushort HeadId;
        public byte EndFlags; // of the packet appended last
        public bool IsEnded;
        public bool IsHeadValid;
        public bool HasFixedId;

        /// <summary>Keeps what each packet that may follow is compared with.</summary>
        public void ReadHead(ReadOnlySpan<byte> head)
        {
            HeadId = IdOf(head, Headers);
            HeadSequence = Headers.IsUdp ? 0 : SequenceOf(head, Headers);
        }

        /// <summary>Whether a TCP segment carries what comes behind the row.</summary>
        public readonly bool Continues(ReadOnlySpan<byte> packet, in PacketHeaders headers) =>
            SequenceOf(packet, headers) == HeadSequence + (uint)(Length - Headers.PayloadOffset);

        /// <summary>The second packet tells which it is: ids that go up, or, where they mean nothing, one that stays.</summary>
        public readonly bool ContinuesIds(ReadOnlySpan<byte> packet, in PacketHeaders headers, out bool isFixedId)
        {
            isFixedId = HasFixedId;
            if (headers.IsIPv6)
                return true;
            ushort step = (ushort)(IdOf(packet, headers) - HeadId);
            if (PieceCount != 1 || step != 0)
                return step == (HasFixedId ? 0 : PieceCount);
            isFixedId = (packet[6] & (PacketHeaders.DontFragment >> 8)) != 0;
            return isFixedId;
        }

        private static uint SequenceOf(ReadOnlySpan<byte> packet, in PacketHeaders headers) =>
            BinaryPrimitives.ReadUInt32BigEndian(packet[(headers.TransportOffset + 4)..]);

        private static ushort IdOf(ReadOnlySpan<byte> packet, in PacketHeaders headers) =>
            headers.IsIPv6 ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
    }
}

/// <summary>Some bytes of the batch's buffer.</summary>
internal readonly record struct CoalescedPiece(int Offset, int Length);

/// <summary>The pieces of one packet, in order, for a foreach.</summary>
internal ref struct CoalescedPieces
{
    private readonly ReadOnlySpan<Coalescer.Piece> _pieces;
    private int _next;

    internal CoalescedPieces(ReadOnlySpan<Coalescer.Piece> pieces, int first)
    {
        _pieces = pieces;
        _next = first;
    }

    public CoalescedPiece Current { get; private set; }

    public readonly CoalescedPieces GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_next < 0)
            return false;
        ref readonly Coalescer.Piece piece = ref _pieces[_next];
        Current = new CoalescedPiece(piece.Offset, piece.Length);
        _next = piece.Next;
        return true;
    }
}
