using System.Security.Cryptography;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// One request to a daemon and its answer, line by line. Bounded: the daemon has <see cref="SilenceMs"/> to go on, and
/// <see cref="AllMs"/> for all; an answer has <see cref="MaxBytes"/> at most (one that is asked for each second
/// <see cref="MaxLook"/>), and a line that is read <see cref="MaxLine"/>.
/// </summary>
internal sealed class UapiExchange : IDisposable
{
    /// <summary>sizeof(struct sockaddr_un).</summary>
    internal const int MaxAddress = 110;

    internal const int SilenceMs = 5_000;
    internal const int AllMs = 60_000;

    /// <summary>Enough for 65,536 peers with 1,048,576 allowed IPs, and more than twice over.</summary>
    internal const int MaxBytes = 256 * 1024 * 1024;

    /// <summary>
    /// Enough for 65,536 peers that each take 1 KiB of it: over UDP some 700 bytes with two allowed IPs, over streams 110 more a
    /// connection. 10,000 peers may have 16 connections and a note of their attestation.
    /// </summary>
    internal const int MaxLook = 64 * 1024 * 1024;

    internal const int MaxLine = 4096;

    private readonly string _name;
    private readonly FileDescriptor _socket;
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(16 * MaxLine, pinned: true); // holds keys: wiped
    private readonly long _endMs = Sys.MonotonicMs() + AllMs;

    /// <exception cref="UapiException">It cannot be connected; ENODEV if no daemon listens.</exception>
    public UapiExchange(string name, byte[] address)
    {
        _name = name;
        int socket = Sys.Socket(AF_UNIX, SOCK_STREAM, 0);
        if (socket < 0)
            throw new UapiException(name, -socket);
        _socket = new FileDescriptor(socket);
        int result;
        // EAGAIN: the daemon's backlog is full, which no poll(2) tells of.
        for (long end = Sys.MonotonicMs() + SilenceMs; (result = Sys.Connect(socket, address)) == -Errno.EAGAIN;)
        {
            if (Sys.MonotonicMs() >= end)
                break;
            Thread.Sleep(10);
        }

        if (result >= 0)
            return;
        _socket.Dispose();
        throw result switch
        {
            -Errno.EAGAIN => Silent(),
            -Errno.ECONNREFUSED or -Errno.ENOENT => new UapiException(name, Errno.ENODEV),
            _ => new UapiException(name, -result),
        };
    }

    /// <exception cref="UapiException">The daemon does not take it.</exception>
    public void Send(ReadOnlySpan<byte> request)
    {
        while (!request.IsEmpty)
        {
            int n = Sys.Send(_socket.Fd, request, MSG_NOSIGNAL);
            if (n == -Errno.EAGAIN)
                Await(POLLOUT);
            else if (n is -Errno.EPIPE or -Errno.ECONNRESET)
                return; // it has closed: the answer, or its absence, will say why
            else if (n < 0)
                throw new UapiException(_name, -n);
            else
                request = request[n..];
        }
    }

    /// <summary>
    /// Gives each line of the answer, without its newline, until the empty one. Of a value that is too long only the beginning is
    /// given: it is that of a key which we do not know, or is refused.
    /// </summary>
    /// <param name="takeLine">Given each line.</param>
    /// <param name="maxBytes">Of the answer.</param>
    /// <returns>False if the daemon closes without a word.</returns>
    /// <exception cref="UapiException">The answer ends too early, takes too long, or is too long.</exception>
    public bool Receive(Action<ReadOnlySpan<byte>> takeLine, int maxBytes = MaxBytes)
    {
        int start = 0, end = 0, total = 0;
        bool isRest = false; // of a line that is too long
        while (true)
        {
            int newline = _received.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (newline == 0 && !isRest)
                return true;
            int length = newline < 0 ? end - start : newline;
            bool isTooLong = !isRest && length > MaxLine;
            bool isKeyTooLong = isTooLong && !_received.AsSpan(start, MaxLine).Contains((byte)'=');
            if (isKeyTooLong || total > maxBytes)
                throw new UapiException(_name, Errno.EPROTO, $"{Errno.Text(Errno.EPROTO)}: the daemon's answer is too long");
            if (!isRest && (newline >= 0 || isTooLong))
                takeLine(_received.AsSpan(start, Math.Min(length, MaxLine)));
            isRest = newline < 0 && (isRest || isTooLong);
            if (newline >= 0)
            {
                start += newline + 1;
                continue;
            }

            if (isRest)
                start = end;
            _received.AsSpan(start, end - start).CopyTo(_received);
            (start, end) = (0, end - start);
            int n = ReceiveSome(end);
            if (n == 0 && total == 0)
                return false;
            if (n == 0)
                throw new UapiException(_name, Errno.EPROTO, $"{Errno.Text(Errno.EPROTO)}: the daemon's answer ends too early");
            end += n;
            total += n;
        }
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_received);
        _socket.Dispose();
    }

    /// <summary>How many bytes came; 0 at the end.</summary>
    private int ReceiveSome(int offset)
    {
        while (true)
        {
            int n = Sys.Recv(_socket.Fd, _received.AsSpan(offset), 0);
            if (n >= 0)
                return n;
            if (n == -Errno.ECONNRESET)
                return 0;
            if (n != -Errno.EAGAIN)
                throw new UapiException(_name, -n);
            Await(POLLIN);
        }
    }

    private void Await(short events)
    {
        long left = Math.Min(SilenceMs, _endMs - Sys.MonotonicMs());
        if (left <= 0 || Sys.Poll(_socket.Fd, events, (int)left) == 0)
            throw Silent();
    }

    private UapiException Silent() =>
        new(_name, Errno.ETIMEDOUT, $"{Errno.Text(Errno.ETIMEDOUT)}: its daemon has not answered for {SilenceMs / 1000} s");
}
