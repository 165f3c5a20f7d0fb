using System.Security.Cryptography;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// One connection to the control socket. It reads only while no answer is unsent, so that a client cannot make the daemon hold
/// more than one answer. On the control thread.
/// </summary>
internal sealed class UapiConnection : IDisposable
{
    private readonly int _fd;
    private readonly UapiServer _server;
    private readonly UapiParser _parser;
    private readonly UapiWriter _writer = new();
    private readonly ulong _watch;
    private bool _isEnding;
    private bool _isClosed;

    /// <exception cref="LinuxException">It cannot be watched; the descriptor is then still the caller's.</exception>
    public UapiConnection(int fd, UapiServer server)
    {
        _fd = fd;
        _server = server;
        _parser = new UapiParser(server.Network, Sys.InterfaceIndex);
        ActiveMs = server.Loop.NowMs;
        _watch = server.Loop.Watch(fd, EPOLLIN, OnReady);
    }

    /// <summary>When something was last read from it or written to it, in ms of boot time.</summary>
    public long ActiveMs { get; private set; }

    public void Dispose()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        _server.Loop.Unwatch(_watch, _fd);
        Sys.Close(_fd);
        _parser.Dispose();
        _writer.Dispose();
        TrimIfMuch();
        _server.Forget(this);
    }

    private void OnReady(uint events)
    {
        ActiveMs = _server.Loop.NowMs;
        if ((events & EPOLLOUT) == 0 && !Receive())
        {
            Dispose();
            return;
        }

        // One request at a time: the next is taken when the answer before it is sent.
        while (TrySend())
        {
            if (!_isEnding && _parser.TryNext(out UapiRequest request))
            {
                Answer(request);
                continue;
            }

            if (_isEnding)
                Dispose();
            else
                _server.Loop.Change(_watch, _fd, EPOLLIN);
            TrimIfMuch();
            return;
        }
    }

    /// <summary>Reads what has been received. False at the end, or after an error.</summary>
    private bool Receive()
    {
        byte[] received = _server.Received;
        int n = Sys.Recv(_fd, received, 0);
        if (n == -Errno.EAGAIN)
            return true;
        if (n <= 0)
            return false;
        _parser.Append(received.AsSpan(0, n));
        CryptographicOperations.ZeroMemory(received.AsSpan(0, n));
        return true;
    }

    /// <summary>Sends what is unsent. False when the rest must wait, or the connection has failed.</summary>
    private bool TrySend()
    {
        while (!_writer.Unsent.IsEmpty)
        {
            int n = Sys.Send(_fd, _writer.Unsent, MSG_NOSIGNAL);
            if (n == -Errno.EAGAIN)
            {
                _server.Loop.Change(_watch, _fd, EPOLLOUT);
                return false;
            }

            if (n < 0)
            {
                Dispose();
                return false;
            }

            _writer.MarkSent(n);
        }

        return true;
    }

    private void TrimIfMuch()
    {
        if (_parser.TakeHasMadeMuch())
            _server.Trim.Ask();
    }

    private void Answer(UapiRequest request)
    {
        switch (request.Kind)
        {
            case UapiRequestKind.Get:
                _writer.WriteStatus(_server.Configurator.Status());
                break;
            case UapiRequestKind.Status:
                _writer.WriteStatus(_server.Configurator.FullStatus());
                break;
            case UapiRequestKind.Handshake:
                if (request.Peer is { } peer)
                    _server.Configurator.BeginHandshake(peer);
                else
                    _server.Configurator.BeginHandshakes();
                _writer.WriteResult(0);
                break;
            case UapiRequestKind.Counters:
                _writer.WriteCounters(_server.Configurator.Counters(), _server.Configurator.PeerCounters());
                break;
            case UapiRequestKind.Cloned:
                _server.Configurator.DeclareCloned();
                _writer.WriteResult(0);
                break;
            case UapiRequestKind.Set:
                using (DeviceChange change = request.Change!)
                    _writer.WriteResult(_server.Configurator.Apply(change));
                break;
            default:
                Log.RequestRefused(_server.Log, request.Message);
                if (request.Errno != 0)
                    _writer.WriteResult(request.Errno);
                _isEnding = request.Kind == UapiRequestKind.Fatal;
                break;
        }
    }
}
