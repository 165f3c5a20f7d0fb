using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Sending to a stream:
/// <code>
/// Send          a datagram's message joins the lane's batch of frames, which comes back as SendFramed
/// SendFramed    to the socket from where they lie; behind others that wait, while there is space, else dropped
/// SendFrames    what came from another stream: to the socket, and what it does not take waits. While anything waits, no more
/// SendBytes     is read for this end, so nothing is dropped; but with peers frames are, as those of datagrams
/// Drain         the socket takes bytes again
/// </code>
/// </summary>
internal sealed unsafe partial class StreamEnd
{
    /// <summary>What may wait for a stream that is being dialled.</summary>
    public const int MaxWaitingBytes = 64 * 1024;

    /// <summary>And in how many messages, if they came as datagrams.</summary>
    public const int MaxWaitingMessages = 16;

    /// <summary>What is sent at a time of what has waited, before other ends have their turn.</summary>
    private const int DrainBudget = 1024 * 1024;

    /// <summary>Memory for the first message that waits for a connection that may never be made.</summary>
    private const int DialRing = 4 * 1024;

    private readonly SendQueue _queue = new();
    private RecentlyTaken _taken;
    private long _stillSinceMs;
    private int _waitingMessages; // while it is not open, as the next one
    private int _waitingBytes;

    /// <summary>The pieces of the lane's batch that are for this end: the first and last of them, -1 for none.</summary>
    public int FirstPiece { get; set; } = -1;

    public int LastPiece { get; set; } = -1;

    /// <summary>How many messages they are.</summary>
    public int PieceMessages { get; set; }

    public override bool IsFull => _queue.Count != 0;

    public override void Send(ReadOnlySpan<byte> message, int ecn = 0) => Lane.Frames.Add(this, message);

    /// <summary>Sends frames made of datagrams.</summary>
    public void SendFramed(iovec* pieces, int count)
    {
        int messages = PieceMessages;
        PieceMessages = 0;
        if (IsReady)
        {
            Lane.Counters.CountSent(Network, messages, Transmit(pieces, count) - (messages * FrameCodec.HeaderSize));
            return;
        }

        for (int i = 0; i < count; i++)
            EnqueueEach(new ReadOnlySpan<byte>(pieces[i].iov_base, (int)pieces[i].iov_len));
        DialIfIdle();
    }

    public override void SendFrames(ReadOnlySpan<byte> frames, int messages)
    {
        if (_mayDrop && !IsReady)
        {
            EnqueueEach(frames);
            DialIfIdle();
            return;
        }

        int bytes = frames.Length - (messages * FrameCodec.HeaderSize);
        if (_state == State.Ended)
            Lane.Counters.CountDropped(RelayDrop.NoConnection, messages);
        else if (_state == State.Open)
            Lane.Counters.CountSent(Network, messages, bytes);
        else
            (_waitingMessages, _waitingBytes) = (_waitingMessages + messages, _waitingBytes + bytes);
        SendBytes(frames);
    }

    /// <summary>Sends bytes as they are.</summary>
    /// <param name="bytes">In unmanaged memory.</param>
    public void SendBytes(ReadOnlySpan<byte> bytes)
    {
        if (IsReady)
        {
            var start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes));
            var piece = new iovec { iov_base = start, iov_len = (nuint)bytes.Length };
            _ = Transmit(&piece, 1);
        }
        else if (_state != State.Ended)
        {
            // No more than was read at a time: its link reads nothing more while anything waits here.
            _ = _queue.TryAppend(bytes, int.MaxValue);
            DialIfIdle();
        }
    }

    /// <summary>Says to the far end that nothing more comes, once nothing waits. For raw streams.</summary>
    public void FinishWriting() => Sys.Shutdown(_fd, SHUT_WR);

    private bool IsReady => _state == State.Open && _queue.Count == 0;

    /// <summary>Nothing waits: to the socket. What it does not take waits for it.</summary>
    /// <returns>Bytes, in all.</returns>
    private int Transmit(iovec* pieces, int count)
    {
        nint total = 0;
        for (int i = 0; i < count; i++)
            total += (nint)pieces[i].iov_len;
        var message = new msghdr { msg_iov = pieces, msg_iovlen = (nuint)count };
        nint sent = count == 1
            ? Sys.Send(_fd, (byte*)pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
            : Sys.SendMsg(_fd, &message, MSG_NOSIGNAL);
        if (sent == -Errno.EAGAIN)
            sent = 0;
        if (sent < 0)
        {
            Fail();
            return (int)total;
        }

        _taken.Add((int)sent, Lane.NowMs);
        if (sent == total)
            return (int)total;
        _queue.Prepend(pieces, count, sent);
        _stillSinceMs = Lane.NowMs;
        UpdateInterest();
        return (int)total;
    }

    /// <summary>Puts frames behind those that wait, while there is space.</summary>
    private void EnqueueEach(ReadOnlySpan<byte> frames)
    {
        bool isOpen = _state == State.Open;
        int limit = isOpen ? _taken.Limit(Lane.NowMs) : MaxWaitingBytes;
        while (!frames.IsEmpty)
        {
            int length = FrameCodec.HeaderSize + BinaryPrimitives.ReadUInt16LittleEndian(frames);
            if (_state == State.Ended)
                Lane.Counters.CountDropped(RelayDrop.NoConnection);
            else if ((!isOpen && _waitingMessages >= MaxWaitingMessages) || !_queue.TryAppend(frames[..length], limit))
                Lane.Counters.CountDropped(RelayDrop.QueueFull);
            else if (isOpen)
                Lane.Counters.CountSent(Network, 1, length - FrameCodec.HeaderSize);
            else
                (_waitingMessages, _waitingBytes) = (_waitingMessages + 1, _waitingBytes + length - FrameCodec.HeaderSize);
            frames = frames[length..];
        }
    }

    private void Drain()
    {
        int left = DrainBudget;
        while (_queue.Count != 0)
        {
            ReadOnlySpan<byte> next = _queue.Peek();
            int sent = Sys.Send(_fd, next, MSG_NOSIGNAL);
            if (sent == -Errno.EAGAIN)
                sent = 0;
            if (sent < 0)
            {
                Fail();
                return;
            }

            _queue.Skip(sent);
            if (sent > 0)
            {
                _stillSinceMs = Lane.NowMs;
                _taken.Add(sent, Lane.NowMs);
                _owner.OnProgress(this);
            }

            left -= sent;
            if (sent < next.Length || left <= 0)
            {
                UpdateInterest();
                return;
            }
        }

        UpdateInterest();
        if (_isFinishing)
            Fail();
        else
            _owner.OnDrained(this);
    }

    /// <summary>What waited for a connection is sent now.</summary>
    private void CountWaiting()
    {
        Lane.Counters.CountSent(Network, _waitingMessages, _waitingBytes);
        (_waitingMessages, _waitingBytes) = (0, 0);
    }

    /// <summary>What waits for an open stream was sent, as far as counters go: so was what its kernel still has.</summary>
    private void DropQueue()
    {
        Lane.Counters.CountDropped(RelayDrop.NoConnection, _waitingMessages);
        (_waitingMessages, _waitingBytes) = (0, 0);
        _queue.Clear();
    }
}
