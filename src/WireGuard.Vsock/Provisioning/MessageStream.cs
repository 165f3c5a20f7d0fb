using System.Buffers.Binary;
using System.Diagnostics;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Provisioning;

/// <summary>What <see cref="MessageStream.Read"/> found.</summary>
internal enum MessageStatus
{
    /// <summary>No message is whole yet.</summary>
    Pending,

    /// <summary>One is, and nothing has come behind it.</summary>
    Whole,

    /// <summary>The other end has closed the connection, or it broke.</summary>
    Ended,

    /// <summary>It has a length that it may not have, something came behind it, or it came before what it answers.</summary>
    Malformed,
}

/// <summary>
/// A connection of an exchange: messages behind their lengths (4 bytes in network order), of which one is under way at a time,
/// since each answers the one before. Never blocks; of its loop's thread.
/// </summary>
internal sealed class MessageStream : IDisposable
{
    private const int LengthSize = 4;

    private readonly EventLoop _loop;
    private readonly int _fd;
    private ulong _watch;
    private bool _isClosed;
    private byte[] _received = new byte[LengthSize];
    private int _count;
    private byte[] _sending = [];
    private int _sent;
    private bool _isFull; // the socket takes no more for now

    private MessageStream(EventLoop loop, int fd) => (_loop, _fd) = (loop, fd);

    /// <param name="loop">Whose thread it is.</param>
    /// <param name="fd">A connected socket that does not block; taken over, also where the answer is null.</param>
    /// <param name="onReady">Called with what epoll tells of it: it can be read, has ended, or goes on sending.</param>
    /// <returns>Null if it cannot be watched.</returns>
    public static MessageStream? TryOpen(EventLoop loop, int fd, Action<uint> onReady)
    {
        var stream = new MessageStream(loop, fd);
        if (loop.TryWatch(fd, EPOLLIN, onReady, out stream._watch) >= 0)
            return stream;
        Sys.Close(fd);
        return null;
    }

    /// <summary>Reads what has come, and no further than one message and the byte behind it.</summary>
    /// <param name="atLeast">The fewest bytes that the message may have: 1 or more.</param>
    /// <param name="atMost">The most that it may have.</param>
    /// <param name="message">Empty unless it is whole; the caller's.</param>
    public MessageStatus Read(int atLeast, int atMost, out byte[] message)
    {
        message = [];
        while (true)
        {
            bool isWhole = _count > LengthSize && _count == _received.Length - 1;
            int received = Sys.Recv(_fd, _received.AsSpan(_count), 0);
            if (isWhole && received is 0 or -Errno.EAGAIN)
            {
                message = _received[LengthSize.._count];
                (_received, _count) = (new byte[LengthSize], 0);
                // It cannot be an answer to a message of which a part is still here.
                return _sent < _sending.Length ? MessageStatus.Malformed : MessageStatus.Whole;
            }

            if (received == -Errno.EAGAIN)
                return MessageStatus.Pending;
            if (received <= 0)
                return MessageStatus.Ended;
            _count += received;
            if (_count > LengthSize && _count == _received.Length)
                return MessageStatus.Malformed;
            if (_count != LengthSize)
                continue;
            uint length = BinaryPrimitives.ReadUInt32BigEndian(_received);
            if (length < atLeast || length > atMost)
                return MessageStatus.Malformed;
            // One byte more than the message: were that to be filled, something would follow.
            Array.Resize(ref _received, LengthSize + (int)length + 1);
        }
    }

    /// <summary>Begins to send a message; the one before has been sent.</summary>
    /// <returns>False if the connection is broken.</returns>
    public bool TrySend(ReadOnlySpan<byte> message)
    {
        Debug.Assert(_sent == _sending.Length, "the other end has read the message before");
        _sending = new byte[LengthSize + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(_sending, message.Length);
        message.CopyTo(_sending.AsSpan(LengthSize));
        _sent = 0;
        return TryContinue();
    }

    /// <summary>Sends what the socket takes of the message.</summary>
    /// <returns>False if the connection is broken.</returns>
    public bool TryContinue()
    {
        bool isFull = false;
        while (!isFull && _sent < _sending.Length)
        {
            int sent = Sys.Send(_fd, _sending.AsSpan(_sent), MSG_NOSIGNAL);
            isFull = sent == -Errno.EAGAIN;
            if (sent < 0 && !isFull)
                return false;
            _sent += Math.Max(sent, 0);
        }

        if (isFull != _isFull)
            _loop.Change(_watch, _fd, isFull ? EPOLLIN | EPOLLOUT : EPOLLIN);
        _isFull = isFull;
        return true;
    }

    public void SetMark(uint mark) => StreamSocket.SetMark(_fd, mark);

    /// <summary>Nothing more will be sent.</summary>
    public void FinishWriting() => _ = Sys.Shutdown(_fd, SHUT_WR);

    public void Dispose()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        _loop.Unwatch(_watch, _fd);
        Sys.Close(_fd);
    }
}
