using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>Accepts the connections of listening sockets, which it closes in the end. Control only.</summary>
internal sealed class Acceptor
{
    /// <summary>Connections accepted a turn, so that a flood of them leaves room for everything else.</summary>
    private const int AcceptsPerTurn = 64;

    /// <summary>How long nothing is accepted when there are no descriptors left.</summary>
    private const int PauseMs = 100;

    /// <summary>And when some were given up: lanes let go of them first.</summary>
    private const int RoomMs = 10;

    private readonly EventLoop _loop;
    private readonly Action<int, EndpointAddress> _onAccepted;
    private readonly Func<bool> _onShortage;
    private readonly List<Socket> _sockets = [];
    private readonly Deadline _resume;

    /// <param name="loop">The control loop.</param>
    /// <param name="onAccepted">Is given each connection and its far end.</param>
    /// <param name="onShortage">Called when there is no descriptor for one more; says whether some were given up for it.</param>
    public Acceptor(EventLoop loop, Action<int, EndpointAddress> onAccepted, Func<bool> onShortage)
    {
        _loop = loop;
        _onAccepted = onAccepted;
        _onShortage = onShortage;
        _resume = new Deadline(Resume);
    }

    public bool IsOpen => _sockets.Count != 0;

    /// <summary>Takes over these sockets, in place of the ones before. If one cannot be watched, nothing changes.</summary>
    /// <exception cref="LinuxException">The system has no room for one more watch; the sockets are closed.</exception>
    public void Replace(IReadOnlyList<int> sockets)
    {
        List<Socket> watched = WatchAll(sockets);
        Close();
        _sockets.AddRange(watched);
    }

    /// <summary>Takes over one more socket.</summary>
    /// <param name="listener">The socket.</param>
    /// <param name="from">The far end of all its connections: accept(2) does not tell it.</param>
    /// <exception cref="LinuxException">The system has no room for one more watch; the socket is closed.</exception>
    public void Add(UnixListener listener, EndpointAddress from)
    {
        int watched = _loop.TryWatch(listener.Fd, EPOLLIN, _ => Accept(listener.Fd, from), out ulong watch);
        if (watched < 0)
            listener.Dispose();
        Sys.Check(watched, "epoll_ctl");
        _sockets.Add(new Socket(listener.Fd, watch, listener));
    }

    /// <summary>Closes one that was added.</summary>
    public void Remove(UnixListener listener)
    {
        Close(_sockets.Find(socket => socket.Unix == listener)!);
        _sockets.RemoveAll(socket => socket.Unix == listener);
    }

    public void Close()
    {
        _loop.Cancel(_resume);
        _sockets.ForEach(Close);
        _sockets.Clear();
    }

    public void SetMark(uint mark)
    {
        foreach (Socket socket in _sockets)
            StreamSocket.SetMark(socket.Fd, mark);
    }

    private List<Socket> WatchAll(IReadOnlyList<int> sockets)
    {
        var watched = new List<Socket>();
        try
        {
            foreach (int fd in sockets)
                watched.Add(new Socket(fd, _loop.Watch(fd, EPOLLIN, _ => Accept(fd, null)), null));
            return watched;
        }
        catch
        {
            watched.ForEach(socket => _loop.Unwatch(socket.Watch, socket.Fd));
            foreach (int fd in sockets)
                Sys.Close(fd);
            throw;
        }
    }

    private void Close(Socket socket)
    {
        _loop.Unwatch(socket.Watch, socket.Fd);
        if (socket.Unix is not null)
            socket.Unix.Dispose();
        else
            Sys.Close(socket.Fd);
    }

    private void Accept(int listener, EndpointAddress? known)
    {
        Span<byte> address = stackalloc byte[128];
        for (int i = 0; i < AcceptsPerTurn; i++)
        {
            int fd = Sys.Accept(listener, address, out int length);
            if (Errno.IsShortage(fd))
            {
                Pause(listener, _onShortage() ? RoomMs : PauseMs);
                return;
            }

            if (fd == -Errno.ECONNABORTED)
                continue;
            if (fd < 0)
                return;
            EndpointAddress from = known ?? default;
            if (known is not null || EndpointAddress.TryFromSockaddr(address[..length], out from))
                _onAccepted(fd, from);
            else
                Sys.Close(fd);
        }
    }

    private void Pause(int listener, int pauseMs)
    {
        _loop.Change(_sockets.Find(socket => socket.Fd == listener)!.Watch, listener, 0);
        // With two that pause, the later one resumes both.
        _loop.Schedule(_resume, _loop.NowMs + pauseMs);
    }

    private void Resume()
    {
        foreach (Socket socket in _sockets)
            _loop.Change(socket.Watch, socket.Fd, EPOLLIN);
    }

    /// <param name="Fd">It listens.</param>
    /// <param name="Watch">By the loop.</param>
    /// <param name="Unix">Of a Unix socket, whose file goes with it.</param>
    private sealed record Socket(int Fd, ulong Watch, UnixListener? Unix);
}
