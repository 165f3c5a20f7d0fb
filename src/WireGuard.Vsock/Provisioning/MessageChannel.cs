using System.Security.Cryptography;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// One end of the socket between the supervisor and its provisioner (AF_UNIX, SOCK_SEQPACKET): a message is a datagram. Never
/// blocks: what the socket does not take waits in a queue. What was sent or received is wiped, since it may hold a key. Of its
/// loop's thread.
/// </summary>
internal sealed class MessageChannel : IDisposable
{
    /// <summary>The most bytes of a message.</summary>
    public const int MaxSize = 68 * 1024;

    /// <summary>How many messages may wait: far more than two ends that serve one another leave.</summary>
    public const int MaxWaiting = 1024;

    /// <summary>How many messages are taken in one turn of the loop.</summary>
    private const int MaxInTurn = 32;

    private readonly EventLoop _loop;
    private readonly int _fd;
    private readonly ulong _watch;
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(MaxSize + 1, pinned: true);
    private readonly Queue<byte[]> _waiting = new();
    private readonly Func<ReadOnlySpan<byte>, bool> _take;
    private readonly Action<string> _onBroken;
    private bool _isClosed;

    /// <param name="loop">Whose thread it is.</param>
    /// <param name="fd">A connected socket that does not block; the caller closes it, after this.</param>
    /// <param name="take">Takes a message; false if it is none that the other end may send.</param>
    /// <param name="onBroken">
    /// Called once from the loop when the other end has closed its end (with an empty text) or sent what it may not.
    /// </param>
    /// <exception cref="LinuxException">It cannot be watched.</exception>
    public MessageChannel(EventLoop loop, int fd, Func<ReadOnlySpan<byte>, bool> take, Action<string> onBroken)
    {
        (_loop, _fd, _take, _onBroken) = (loop, fd, take, onBroken);
        _watch = loop.Watch(fd, EPOLLIN, OnReady);
    }

    /// <summary>How many messages wait.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>Sends a message, or queues a copy of it. An end that is closed takes all.</summary>
    /// <returns>False if too many wait already, or it is too long.</returns>
    public bool TrySend(ReadOnlySpan<byte> message)
    {
        if (message.Length > MaxSize)
            return false;
        if (_isClosed || (_waiting.Count == 0 && Send(message)))
            return true;
        if (_waiting.Count == MaxWaiting)
            return false;
        byte[] copy = GC.AllocateUninitializedArray<byte>(message.Length, pinned: true);
        message.CopyTo(copy);
        _waiting.Enqueue(copy);
        if (_waiting.Count == 1)
            _loop.Change(_watch, _fd, EPOLLIN | EPOLLOUT);
        return true;
    }

    public void Dispose()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        _loop.Unwatch(_watch, _fd);
        while (_waiting.TryDequeue(out byte[]? message))
            CryptographicOperations.ZeroMemory(message);
    }

    /// <summary>False if it has to wait. Where the other end is gone the message is too; reading tells.</summary>
    private bool Send(ReadOnlySpan<byte> message) => Sys.Send(_fd, message, MSG_NOSIGNAL) != -Errno.EAGAIN;

    private void OnReady(uint events)
    {
        if ((events & EPOLLOUT) != 0)
            SendWaiting();
        if ((events & ~EPOLLOUT) == 0)
            return;
        for (int i = 0; i < MaxInTurn && !_isClosed; i++)
        {
            int received = Sys.Recv(_fd, _received, 0);
            if (received == -Errno.EAGAIN)
                return;
            if (received <= 0)
            {
                Break("");
                return;
            }

            Span<byte> message = _received.AsSpan(0, received);
            bool isRight = received <= MaxSize && _take(message);
            CryptographicOperations.ZeroMemory(message);
            if (!isRight)
                Break("what it says cannot be understood");
        }
    }

    private void SendWaiting()
    {
        while (_waiting.TryPeek(out byte[]? message))
        {
            if (!Send(message))
                return;
            CryptographicOperations.ZeroMemory(_waiting.Dequeue());
        }

        _loop.Change(_watch, _fd, EPOLLIN);
    }

    private void Break(string problem)
    {
        if (_isClosed)
            return;
        Dispose();
        _onBroken(problem);
    }
}
