using System.Buffers.Text;
using System.Collections;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Metrics;

/// <summary>
/// One connection to a <see cref="MetricsServer"/>: reads a request, answers it in pieces, each when the one before is sent, and
/// ends. It is closed when that takes too long.
/// </summary>
internal sealed class MetricsConnection : IDisposable
{
    /// <summary>A piece of the answer is sent when it has grown so long.</summary>
    public const int PieceSize = 32 * 1024;

    /// <summary>Pieces a turn, so that a long answer to a fast reader leaves room for everything else.</summary>
    private const int PiecesATurn = 4;

    private const int RequestMs = 5_000;
    private const int AnswerMs = 30_000;

    /// <summary>
    /// How long the far end is waited for once it has the answer: were the socket closed with bytes unread, the answer could be
    /// lost (RFC 9112 section 9.6).
    /// </summary>
    private const int CloseMs = 1_000;

    private readonly int _fd;
    private readonly MetricsServer _server;
    private readonly Deadline _deadline;
    private byte[] _received = new byte[1024];
    private int _count;
    private ulong _watch;
    private MetricsText? _text;   // null before the answer
    private IEnumerator? _families; // null when all is in the text
    private int _sent;            // bytes of the text
    private bool _isAnswered;
    private bool _isClosed;

    private MetricsConnection(int fd, MetricsServer server)
    {
        (_fd, _server) = (fd, server);
        _deadline = new Deadline(Dispose);
    }

    /// <returns>Null if it cannot be watched; the descriptor is then still the caller's.</returns>
    public static MetricsConnection? TryServe(int fd, MetricsServer server)
    {
        var made = new MetricsConnection(fd, server);
        if (server.Loop.TryWatch(fd, EPOLLIN, _ => made.OnReady(), out made._watch) < 0)
            return null;
        made.EndWithin(RequestMs);
        return made;
    }

    public void Dispose()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        _server.Loop.Cancel(_deadline);
        _server.Loop.Unwatch(_watch, _fd);
        Sys.Close(_fd);
        (_families as IDisposable)?.Dispose();
        _server.Forget(this, _text);
    }

    private void OnReady()
    {
        if (_isAnswered)
            Discard();
        else if (_text is not null)
            Send();
        else
            Receive();
    }

    private void EndWithin(int ms) => _server.Loop.Schedule(_deadline, _server.Loop.NowMs + ms);

    private void Receive()
    {
        if (_count == _received.Length)
            Array.Resize(ref _received, 2 * _count);
        int n = Sys.Recv(_fd, _received.AsSpan(_count), 0);
        if (n == -Errno.EAGAIN)
            return;
        if (n <= 0)
        {
            Dispose();
            return;
        }

        _count += n;
        MetricsStatus status = MetricsRequest.Read(_received.AsSpan(0, _count));
        if (status == MetricsStatus.Incomplete)
            return;
        if (status == MetricsStatus.Ok)
        {
            (_text, _families) = _server.Begin();
            _text.Append("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"u8);
            _text.Append("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"u8);
        }
        else
        {
            _text = _server.Take();
            _text.Append(Refusal(status));
        }

        EndWithin(AnswerMs);
        Send();
    }

    private static ReadOnlySpan<byte> Refusal(MetricsStatus status) => status switch
    {
        MetricsStatus.NotFound =>
            "HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\nConnection: close\r\n\r\nSee /metrics.\n"u8,
        MetricsStatus.MethodNotAllowed =>
            "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
        _ => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
    };

    private void Send()
    {
        MetricsText text = _text!;
        for (int pieces = 0; ;)
        {
            if (_sent == text.Length && !TryWritePiece(text))
            {
                Finish();
                return;
            }

            int n = pieces == PiecesATurn ? -Errno.EAGAIN : Sys.Send(_fd, text.Written[_sent..], MSG_NOSIGNAL);
            if (n == -Errno.EAGAIN)
            {
                _server.Loop.Change(_watch, _fd, EPOLLOUT);
                return;
            }

            if (n < 0)
            {
                Dispose();
                return;
            }

            _sent += n;
            if (_sent == text.Length)
                pieces++;
        }
    }

    /// <summary>Writes the next piece as a chunk (RFC 9112 section 7.1), or the last one. False when there is no more.</summary>
    private bool TryWritePiece(MetricsText text)
    {
        if (_families is not { } families)
            return false;
        text.Cut(0);
        _sent = 0;
        text.Append("00000000\r\n"u8); // the size in hexadecimal, which may begin with zeros
        int head = text.Length;
        bool isMore;
        do
            isMore = families.MoveNext();
        while (isMore && text.Length - head < PieceSize);
        int size = text.Length - head;
        _ = Utf8Formatter.TryFormat(size, text.Written, out _, new System.Buffers.StandardFormat('x', 8));
        if (size == 0)
            text.Cut(0);
        else
            text.Append("\r\n"u8);
        if (isMore)
            return true;
        text.Append("0\r\n\r\n"u8);
        _families = null;
        return true;
    }

    /// <summary>All is sent.</summary>
    private void Finish()
    {
        _isAnswered = true;
        _ = Sys.Shutdown(_fd, SHUT_WR);
        _server.Loop.Change(_watch, _fd, EPOLLIN);
        EndWithin(CloseMs);
    }

    /// <summary>Reads and drops the rest, until the far end closes.</summary>
    private void Discard()
    {
        int n = Sys.Recv(_fd, _received, 0);
        if (n <= 0 && n != -Errno.EAGAIN)
            Dispose();
    }
}
