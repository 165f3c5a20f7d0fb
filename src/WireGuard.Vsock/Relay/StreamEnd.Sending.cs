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
/// SendFrames    what came from another stream: to the socket, and what it does not take waits. Nothing is dropped: while
/// SendBytes     anything waits, no more is read for this end
/// Drain         the socket takes bytes again
/// </code>
/// </summary>
internal sealed unsafe partial class StreamEnd
{
    /// <summary>How long a full socket may take nothing.</summary>
    private const int StallMs = 10_000;

    /// <summary>What may wait for a stream that is being dialled.</summary>
    public const int MaxWaitingBytes = 64 * 1024;

    /// <summary>And in how many messages, if they came as datagrams.</summary>
    public const int MaxWaitingMessages = 16;

    /// <summary>What is sent at a time of what has waited, before other ends have their turn.</summary>
    private const int DrainBudget = 1024 * 1024;

    private readonly SendQueue _queue = new();
    private RecentlyTaken _taken;
    private long _stillSinceMs;
    private int _waitingMessages; // while it is not open

    /// <summary>The pieces of the lane's batch that are for this end: the first and last of them, -1 for none.</summary>
    public int FirstPiece { get; set; } = -1;

    public int LastPiece { get; set; } = -1;

    public override bool IsFull => _queue.Count != 0;

    public override void Send(ReadOnlySpan<byte> message, int ecn = 0)
    {
        Lane.Frames.Add(this, message);
        Lane.Counters.CountSent(Network, 1, message.Length);
    }

    /// <summary>Sends frames made of datagrams.</summary>
    public void SendFramed(iovec* pieces, int count)
    {
        if (IsReady)
        {
            Transmit(pieces, count);
            return;
        }

        int limit = _state == State.Open ? _taken.Limit(Lane.NowMs) : MaxWaitingBytes;
        for (int i = 0; i < count; i++)
            EnqueueEach(new ReadOnlySpan<byte>(pieces[i].iov_base, (int)pieces[i].iov_len), limit);
        DialIfIdle();
    }

    public override void SendFrames(ReadOnlySpan<byte> frames, int messages)
    {
        SendBytes(frames, messages);
        if (_state != State.Ended)
            Lane.Counters.CountSent(Network, messages, frames.Length - (messages * FrameCodec.HeaderSize));
    }

    /// <summary>Sends bytes as they are, or as whole frames.</summary>
    /// <param name="bytes">In unmanaged memory.</param>
    /// <param name="messages">How many messages they are; 0 of a raw stream.</param>
    public void SendBytes(ReadOnlySpan<byte> bytes, int messages = 0)
    {
        if (IsReady)
        {
            var start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes));
            var piece = new iovec { iov_base = start, iov_len = (nuint)bytes.Length };
            Transmit(&piece, 1);
            return;
        }

        if (_state == State.Ended)
        {
            Lane.Counters.CountDropped(RelayDrop.NoConnection, messages);
            return;
        }

        // No more than was read at a time: its link reads nothing more while anything waits here.
        _ = _queue.TryAppend(bytes, int.MaxValue);
        _waitingMessages += messages;
        DialIfIdle();
    }

    /// <summary>Says to the far end that nothing more comes, once nothing waits. For raw streams.</summary>
    public void FinishWriting() => Sys.Shutdown(_fd, SHUT_WR);

    private bool IsReady => _state == State.Open && _queue.Count == 0;

    /// <summary>Nothing waits: to the socket. What it does not take waits for it.</summary>
    private void Transmit(iovec* pieces, int count)
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
            return;
        }

        _taken.Add((int)sent, Lane.NowMs);
        if (sent == total)
            return;
        _queue.Prepend(pieces, count, sent);
        _stillSinceMs = Lane.NowMs;
        UpdateInterest();
    }

    private void EnqueueEach(ReadOnlySpan<byte> frames, int limit)
    {
        while (!frames.IsEmpty)
        {
            int length = FrameCodec.HeaderSize + BinaryPrimitives.ReadUInt16LittleEndian(frames);
            bool isOpen = _state == State.Open;
            if (_state == State.Ended)
                Drop(RelayDrop.NoConnection, length);
            else if ((!isOpen && _waitingMessages >= MaxWaitingMessages) || !_queue.TryAppend(frames[..length], limit))
                Drop(RelayDrop.QueueFull, length);
            else if (!isOpen)
                _waitingMessages++;
            frames = frames[length..];
        }
    }

    /// <summary>A message that was counted as sent is not.</summary>
    private void Drop(RelayDrop reason, int frame)
    {
        Lane.Counters.CountDropped(reason);
        Lane.Counters.CountSent(Network, -1, FrameCodec.HeaderSize - frame);
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

    private void DropQueue(RelayDrop reason)
    {
        Lane.Counters.CountDropped(reason, _waitingMessages);
        _waitingMessages = 0;
        _queue.Clear();
    }
}
