namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// One packet to write to the TUN device: as it came, or several of a flow glued together, to be cut again by the kernel. All
/// that a virtio_net_hdr asks for is here.
/// </summary>
/// <param name="Kind"><see cref="SegmentationKind.None"/> for a packet as it came: nothing of it was changed.</param>
/// <param name="SegmentSize">The payload bytes of each segment but the last (gso_size); 0 for a packet as it came.</param>
/// <param name="Layout">Of the whole, glued together. Only the length is known of a packet as it came.</param>
/// <param name="PieceCount">How many pieces of the buffer it consists of: the head, then payloads.</param>
public readonly record struct CoalescedPacket(SegmentationKind Kind, int SegmentSize, PacketLayout Layout, int PieceCount)
{
    /// <summary>The bytes of all pieces.</summary>
    public int Length => Layout.Length;

    /// <summary>The transport checksum is partial: the kernel has to add the rest (VIRTIO_NET_HDR_F_NEEDS_CSUM).</summary>
    public bool NeedsChecksum => Kind != SegmentationKind.None;
}

/// <summary>Some bytes of the batch's buffer.</summary>
public readonly record struct CoalescedPiece(int Offset, int Length);

/// <summary>The pieces of one packet, in order, for a foreach.</summary>
public ref struct CoalescedPieces
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
