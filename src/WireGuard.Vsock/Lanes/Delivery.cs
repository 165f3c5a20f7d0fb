using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// Inner packets on their way to the TUN device, from the buffer they were received in, where they were opened:
/// <code>
/// Begin            names that buffer
/// Add              a packet, which may be glued to others of its flow
/// AddSuperpacket   one that was never cut
/// Flush            at the end of the batch: writes them, each with one system call, from where its pieces lie
/// </code>
/// Where the kernel refuses a packet for being unsegmented, its segments are written instead, and nothing is glued any more.
/// In front of each packet lie <see cref="VirtioHeader.Size"/> bytes or more that are done with: its message's header.
/// </summary>
internal sealed unsafe class Delivery : IDisposable
{
    private const int MaxPackets = 512;
    private const int TcpFlags = 13;
    private const byte Cwr = 0x80;

    private readonly iovec* _pieces = (iovec*)NativeMemory.AllocZeroed(Coalescer.MaxPieces, (nuint)sizeof(iovec));
    private readonly Coalescer _coalescer;
    private readonly TunQueue _tun;
    private readonly ControlInbox _inbox;
    private readonly LaneCounters _counters;

    // For segments: the whole packet in one piece, and behind it one segment behind its header. Null while the kernel takes all.
    private byte* _segmenting;
    private byte* _buffer;
    private int _length;

    public Delivery(TunQueue tun, ControlInbox inbox, LaneCounters counters)
    {
        _inbox = inbox;
        _tun = tun;
        _counters = counters;
        _coalescer = new Coalescer(MaxPackets, allowUdp: tun.Offloads.HasFlag(TunOffloads.Udp));
    }

    private Span<byte> Buffer => new(_buffer, _length);

    /// <param name="buffer">Holds all packets of the batch, in memory that does not move, until <see cref="Flush"/>.</param>
    public void Begin(Span<byte> buffer)
    {
        _buffer = AddressOf(buffer);
        _length = buffer.Length;
    }

    /// <summary>Takes a whole packet, whose IP header was read and says its length.</summary>
    public void Add(Span<byte> packet)
    {
        if (_coalescer.IsFull)
            Flush();
        _coalescer.Add(Buffer, OffsetOf(packet), packet.Length, mayCoalesce: _tun.TakesUnsegmented);
    }

    /// <summary>Takes a packet that the device, or the machine it is routed to, will cut.</summary>
    public void AddSuperpacket(Span<byte> packet, in Superpacket superpacket)
    {
        if (_coalescer.IsFull)
            Flush();
        TransportChecksum.WritePartial(packet, superpacket.Layout);
        _coalescer.AddSuperpacket(Buffer, OffsetOf(packet), superpacket.Layout, superpacket.Kind, superpacket.SegmentSize);
    }

    public void Flush()
    {
        _coalescer.Finish(Buffer);
        for (int i = 0; i < _coalescer.Count; i++)
        {
            CoalescedPacket packet = _coalescer[i];
            int written = packet.NeedsChecksum && !_tun.TakesUnsegmented ? -Errno.EINVAL : Write(packet, _coalescer.PiecesOf(i));
            if (written == -Errno.EINVAL && packet.NeedsChecksum)
                WriteSegments(packet, _coalescer.PiecesOf(i));
            else if (written < 0)
                _counters.Count(DropReason.NotWritten);
        }

        _coalescer.Clear();
    }

    public void Dispose()
    {
        NativeMemory.Free(_pieces);
        NativeMemory.Free(_segmenting);
    }

    private int Write(in CoalescedPacket packet, CoalescedPieces pieces)
    {
        int count = 0;
        foreach (CoalescedPiece piece in pieces)
            _pieces[count++] = new iovec { iov_base = _buffer + piece.Offset, iov_len = (nuint)piece.Length };

        // The first piece is the packet with its headers: the device's goes right before it.
        byte* head = (byte*)_pieces[0].iov_base;
        WriteHeader(new Span<byte>(head - VirtioHeader.Size, VirtioHeader.Size), packet, head);
        _pieces[0].iov_base = head - VirtioHeader.Size;
        _pieces[0].iov_len += VirtioHeader.Size;
        return count == 1
            ? _tun.Write(new Span<byte>(_pieces[0].iov_base, (int)_pieces[0].iov_len))
            : _tun.WriteV(_pieces, count);
    }

    /// <summary>
    /// Writes the segments of a packet that was refused, or would be. If the device takes them, it was their being one that it
    /// refused.
    /// </summary>
    private void WriteSegments(in CoalescedPacket packet, CoalescedPieces pieces)
    {
        if (_segmenting == null)
            _segmenting = (byte*)NativeMemory.AllocZeroed(Coalescer.MaxLength + TunDevice.MaxRead);
        int length = 0;
        foreach (CoalescedPiece piece in pieces)
        {
            new Span<byte>(_buffer + piece.Offset, piece.Length).CopyTo(new Span<byte>(_segmenting + length, piece.Length));
            length += piece.Length;
        }

        bool isAnyWritten = false;
        if (!Segmenter.TryBegin(new Span<byte>(_segmenting, length), packet.Kind, packet.SegmentSize, out Segmenter segments))
            _counters.Count(DropReason.NotWritten);
        for (int i = 0; i < segments.Count; i++)
        {
            // Its header says that nothing is left to do.
            var segment = new Span<byte>(_segmenting + Coalescer.MaxLength, VirtioHeader.Size + segments.LengthOf(i));
            segment[..VirtioHeader.Size].Clear();
            segments.Write(i, segment[VirtioHeader.Size..]);
            if (_tun.Write(segment) < 0)
                _counters.Count(DropReason.NotWritten);
            else
                isAnyWritten = true;
        }

        if (isAnyWritten && _tun.TakesUnsegmented && _tun.StopUnsegmented())
            _inbox.PostUnsegmentedRefused();
    }

    private static void WriteHeader(Span<byte> header, in CoalescedPacket packet, byte* head)
    {
        if (!packet.NeedsChecksum)
        {
            header.Clear();
            return;
        }

        PacketLayout layout = packet.Layout;
        bool isOneSegment = layout.PayloadLength <= packet.SegmentSize;
        var offload = new PacketOffload(
            isOneSegment ? SegmentationKind.None : packet.Kind,
            isOneSegment ? 0 : packet.SegmentSize,
            NeedsChecksum: true,
            layout.TransportOffset,
            layout.ChecksumOffset - layout.TransportOffset);
        bool hasCwr = !layout.IsUdp && (head[layout.TransportOffset + TcpFlags] & Cwr) != 0;
        VirtioHeader.Write(header, offload, layout.PayloadOffset, hasCwr);
    }

    private int OffsetOf(Span<byte> packet) => (int)(AddressOf(packet) - _buffer);

    private static byte* AddressOf(Span<byte> bytes) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes));
}
