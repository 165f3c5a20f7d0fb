using System.Buffers.Binary;
using System.Numerics;
using WireGuard.Protocol;
using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Sending on a connection, by any lane and by control:
/// <code>
/// Send: no thread is sending, and nothing is queued?
///   yes --> the batch goes to the socket from where it lies; what it does not take is queued
///   no  --> the batch is queued behind the others, frame by frame, or dropped and counted
/// </code>
/// The thread that sends goes on until the queue is empty or the socket is full; then the owner's epoll says when to go on. The
/// lock guards the queue and who sends, and is never held across a system call. A full socket blocks no thread.
/// </summary>
internal sealed unsafe partial class StreamConnection
{
    /// <summary>What one thread sends of the others' frames before it goes back to its own work.</summary>
    private const int DrainBudget = 1024 * 1024;

    /// <summary>With so much queued while another thread sends, lanes had better wait.</summary>
    private const int CongestedBytes = SendQueue.Limit / 2;

    /// <summary>Space for any frame: with less, nothing more is sealed for this connection.</summary>
    private const int LargestFrame = FrameCodec.HeaderSize + FrameCodec.MaxMessageSize;

    private readonly Lock _gate = new();
    private readonly SendQueue _queue = new();
    private bool _isSending;
    private bool _isFull;
    private long _stillSinceMs;
    private long _droppedFrames;
    private RecentlyTaken _taken; // guarded by the lock
    private long _sentBytes; // written under the lock
    private volatile bool _isCongested;
    private volatile bool _isQueueFull;
    private long _unansweredSinceMs;
    private ulong _waitingLanes;

    /// <summary>Frames dropped because the queue was full.</summary>
    public long DroppedFrames => Volatile.Read(ref _droppedFrames);

    /// <summary>Bytes that the socket has taken.</summary>
    public long SentBytes => Volatile.Read(ref _sentBytes);

    /// <summary>Bytes that wait for the socket.</summary>
    public int QueuedBytes
    {
        get
        {
            lock (_gate)
                return _queue.Count;
        }
    }

    /// <summary>Whether the socket has not taken all that it was given: what is sent now waits, or is dropped.</summary>
    public bool IsCongested => _isCongested;

    /// <summary>
    /// Whether its queue had no space for a frame, and has not had space for any since: a packet for it need not be sealed, it
    /// would be dropped.
    /// </summary>
    public bool IsQueueFull => _isQueueFull;

    /// <summary>
    /// Since when nothing has moved, in ms of boot time: when the socket last took something or, if that is later, when something
    /// began to wait for it. A try that moves nothing does not count.
    /// </summary>
    public long StillSinceMs => Volatile.Read(ref _stillSinceMs);

    /// <summary>
    /// Since when all that was sent on it has not been answered by anything that came in on it, in ms of boot time; 0 if it has.
    /// </summary>
    public long UnansweredSinceMs
    {
        get
        {
            long sinceMs = Volatile.Read(ref _unansweredSinceMs);
            return sinceMs > HeardMs ? sinceMs : 0;
        }
    }

    /// <summary>The lanes' eventfds.</summary>
    public int[] LaneWakes { get; init; } = [];

    /// <summary>Has a lane woken when the connection is congested no more.</summary>
    /// <returns>False if it is not congested now.</returns>
    public bool TryWakeWhenDrained(int lane)
    {
        // A full fence, as in WakeLanes: either that sees this lane, or this sees that it is drained.
        Interlocked.Or(ref _waitingLanes, 1UL << lane);
        Interleaving.Point();
        return _isCongested;
    }

    /// <summary>Whether the socket has been full for so long that the path must be dead.</summary>
    public bool IsStalled(long nowMs, long patienceMs)
    {
        lock (_gate)
            return _isFull && nowMs - _stillSinceMs >= patienceMs;
    }

    /// <summary>Sends a batch of whole frames, in order. Never blocks.</summary>
    /// <param name="frames">Where the frames lie: one or more whole frames in each piece.</param>
    /// <param name="count">Pieces.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="beyond">How many bytes more than others these may have the queue hold.</param>
    public void Send(iovec* frames, int count, long nowMs, int beyond = 0)
    {
        // Whichever of several senders writes it: they are a batch apart.
        if (Volatile.Read(ref _unansweredSinceMs) <= HeardMs)
            Volatile.Write(ref _unansweredSinceMs, nowMs);
        lock (_gate)
        {
            // After its end its descriptor may be another connection's: a handshake message that waited for control still names
            // it.
            if (_isSending || _isFull || IsFailed)
            {
                Append(frames, count, _taken.Limit(nowMs) + beyond);
                return;
            }

            _isSending = true;
        }

        Interleaving.Point();
        nint sent = SendToSocket(frames, count);
        if (!Completes(frames, count, sent))
        {
            if (!CanContinue(ref sent))
                return;
            Interleaving.Point();
            lock (_gate)
            {
                _queue.Prepend(frames, count, sent);
                // Nothing waited before.
                _stillSinceMs = nowMs;
            }
        }

        Drain(nowMs, (int)sent);
    }

    /// <summary>Sends one message from anywhere, as a frame.</summary>
    public void Send(ReadOnlySpan<byte> message, long nowMs) => Send(default, message, nowMs);

    /// <summary>
    /// Sends two messages together, the first of which may be empty: then there is but one. They are few, and what they say is
    /// not said again soon: beside what lanes have queued there is space for them.
    /// </summary>
    public void Send(ReadOnlySpan<byte> first, ReadOnlySpan<byte> message, long nowMs)
    {
        int start = first.IsEmpty ? 0 : FrameCodec.HeaderSize + first.Length;
        Span<byte> frames = stackalloc byte[start + FrameCodec.HeaderSize + message.Length];
        if (!first.IsEmpty)
            WriteFrame(frames, first);
        WriteFrame(frames[start..], message);
        fixed (byte* p = frames)
        {
            var piece = new iovec { iov_base = p, iov_len = (nuint)frames.Length };
            Send(&piece, 1, nowMs, beyond: LargestFrame);
        }
    }

    /// <summary>The owner's epoll says that the socket takes bytes again.</summary>
    /// <param name="lane">The owner: it looks by itself whether it has to wait any longer.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public void OnWritable(int lane, long nowMs)
    {
        lock (_gate)
        {
            if (_isSending || !_isFull)
                return;
            _isSending = true;
            _isFull = false;
        }

        Interleaving.Point();
        Sys.EpollModify(_epoll, Fd, EPOLLIN, Id);
        Interlocked.And(ref _waitingLanes, ~(1UL << lane));
        Drain(nowMs, moved: 0);
    }

    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="moved">Bytes that the socket has taken and that are not noted yet.</param>
    private void Drain(long nowMs, int moved)
    {
        int left = DrainBudget;
        bool isRelieved;
        while (true)
        {
            ReadOnlySpan<byte> next;
            lock (_gate)
            {
                NoteMoved(moved, nowMs);
                if (_queue.Count == 0)
                {
                    _isSending = false;
                    isRelieved = _isCongested;
                    _isCongested = false;
                    break;
                }

                next = _queue.Peek();
            }

            Interleaving.Point();
            nint sent = Sys.Send(Fd, next, MSG_NOSIGNAL);
            Interleaving.Point();
            if (!CanContinue(ref sent))
                return;
            lock (_gate)
            {
                moved = (int)sent;
                _queue.Skip(moved);
                left -= moved;
                if (moved == next.Length && left > 0)
                    continue;
                NoteMoved(moved, nowMs);
                _isFull = true;
                _isSending = false;
                _isCongested = true;
            }

            Interleaving.Point();
            // Level-triggered: if the socket takes more already, this says so at once, to the owner.
            Sys.EpollModify(_epoll, Fd, EPOLLIN | EPOLLOUT, Id);
            return;
        }

        Interleaving.Point();
        if (isRelieved)
            WakeLanes();
    }

    /// <summary>The lock is held.</summary>
    private void NoteMoved(int bytes, long nowMs)
    {
        if (bytes <= 0)
            return;
        _stillSinceMs = nowMs;
        _taken.Add(bytes, nowMs);
        _sentBytes += bytes;
        if (_isQueueFull)
            _isQueueFull = _queue.Count + LargestFrame > _taken.Limit(nowMs);
    }

    private void WakeLanes()
    {
        for (ulong lanes = Interlocked.Exchange(ref _waitingLanes, 0); lanes != 0; lanes &= lanes - 1)
            Sys.EventFdSignal(LaneWakes[BitOperations.TrailingZeroCount(lanes)]);
    }

    /// <summary>Sorts a send's result: a full socket took nothing; after any other error the connection has failed.</summary>
    private bool CanContinue(ref nint sent)
    {
        if (sent == -Errno.EAGAIN)
            sent = 0;
        if (sent >= 0)
            return true;
        Fail();
        lock (_gate)
        {
            // No thread sends on it any more: one that tries finds it full, and then its queue.
            _isSending = false;
            _isFull = true;
            _stillSinceMs = long.MaxValue;
            _isCongested = false;
            _isQueueFull = false;
        }

        WakeLanes();
        return false;
    }

    private static void WriteFrame(Span<byte> frame, ReadOnlySpan<byte> message)
    {
        message.CopyTo(frame[FrameCodec.HeaderSize..]);
        FrameCodec.WriteHeader(frame, message);
    }

    private nint SendToSocket(iovec* frames, int count)
    {
        if (count == 1)
            return Sys.Send(Fd, (byte*)frames->iov_base, frames->iov_len, MSG_NOSIGNAL);
        var message = new msghdr { msg_iov = frames, msg_iovlen = (nuint)count };
        return Sys.SendMsg(Fd, &message, MSG_NOSIGNAL);
    }

    private static bool Completes(iovec* frames, int count, nint sent)
    {
        nint total = 0;
        for (int i = 0; i < count; i++)
            total += (nint)frames[i].iov_len;
        return sent == total;
    }

    private void Append(iovec* frames, int count, int limit)
    {
        for (int i = 0; i < count; i++)
        {
            var rest = new ReadOnlySpan<byte>(frames[i].iov_base, (int)frames[i].iov_len);
            while (!rest.IsEmpty)
            {
                int length = FrameCodec.HeaderSize + BinaryPrimitives.ReadUInt16LittleEndian(rest);
                if (IsFailed || !_queue.TryAppend(rest[..length], limit))
                {
                    _droppedFrames++;
                    _isQueueFull = !IsFailed;
                }

                rest = rest[length..];
            }
        }

        // No thread empties the queue of one that has failed.
        _isCongested |= !IsFailed && _queue.Count > CongestedBytes;
    }
}
