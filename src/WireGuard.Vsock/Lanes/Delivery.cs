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
/// Begin   names that buffer
/// Add     a packet, which may be coalesced with others of its flow; or one that was never segmented
/// Flush   at the end of the batch: writes them, each with one system call, from where its pieces lie
/// </code>
/// Where the kernel refuses a packet for being unsegmented, its segments are written instead, and nothing is coalesced any more.
/// In front of each packet lie <see cref="VirtioHeader.Size"/> bytes or more that are done with: its message's header.
/// </summary>
internal sealed unsafe class Delivery : IDisposable
{
    private const int MaxPackets = 512;

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

    /// <summary>How many packets were written since the batch began.</summary>
    public int Written { get; private set; }

    private Span<byte> Buffer => new(_buffer, _length);

    /// <param name="buffer">Holds all packets of the batch, in memory that does not move, until <see cref="Flush"/>.</param>
    public void Begin(Span<byte> buffer)
    {
        _buffer = AddressOf(buffer);
        _length = buffer.Length;
        Written = 0;
    }

    /// <summary>Takes a packet. The checksum of one that was never segmented may be anything: it is made partial here.</summary>
    /// <param name="packet">The packet, with or without padding behind it.</param>
    /// <param name="headers">Its own.</param>
    public void Add(Span<byte> packet, in PacketHeaders headers)
    {
        if (_coalescer.IsFull)
            Flush();
        if (headers.NeedsChecksum)
            TransportChecksum.WritePartial(packet, headers);
        _coalescer.Add(Buffer, OffsetOf(packet), headers, mayCoalesce: _tun.TakesUnsegmented);
    }

    public void Flush()
    {
        _coalescer.Finish(Buffer);
        for (int i = 0; i < _coalescer.Count; i++)
        {
            ref readonly PacketHeaders headers = ref _coalescer[i];
            int written = headers.NeedsChecksum && !_tun.TakesUnsegmented
                ? -Errno.EINVAL
                : Write(headers, _coalescer.PiecesOf(i));
            if (written == -Errno.EINVAL && headers.NeedsChecksum)
                WriteSegments(headers, _coalescer.PiecesOf(i));
            else if (written < 0)
                _counters.Count(DropReason.NotWritten);
        }

        Written += _coalescer.Count;
        _coalescer.Clear();
    }

    public void Dispose()
    {
        NativeMemory.Free(_pieces);
        NativeMemory.Free(_segmenting);
    }

    private int Write(in PacketHeaders headers, CoalescedPieces pieces)
    {
        int count = 0;
        foreach (CoalescedPiece piece in pieces)
            _pieces[count++] = new iovec { iov_base = _buffer + piece.Offset, iov_len = (nuint)piece.Length };

        // The first piece is the packet with its headers: the device's goes right before it.
        byte* head = (byte*)_pieces[0].iov_base;
        VirtioHeader.Write(new Span<byte>(head - VirtioHeader.Size, VirtioHeader.Size), headers);
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
    private void WriteSegments(in PacketHeaders headers, CoalescedPieces pieces)
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
        int segmentSize = headers.SegmentSize == 0 ? headers.PayloadLength : headers.SegmentSize;
        if (!Segmenter.TryBegin(new Span<byte>(_segmenting, length), headers, segmentSize, out Segmenter segments))
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

    private int OffsetOf(Span<byte> packet) => (int)(AddressOf(packet) - _buffer);

    private static byte* AddressOf(Span<byte> bytes) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes));
}
