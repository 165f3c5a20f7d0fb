using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>Accepts the connections of listening sockets. Control only.</summary>
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
    private readonly List<(int Fd, ulong Watch)> _sockets = [];
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
        List<(int Fd, ulong Watch)> watched = WatchAll(sockets);
        Close();
        _sockets.AddRange(watched);
    }

    public void Close()
    {
        _loop.Cancel(_resume);
        foreach ((int fd, ulong watch) in _sockets)
        {
            _loop.Unwatch(watch, fd);
            Sys.Close(fd);
        }

        _sockets.Clear();
    }

    public void SetMark(uint mark)
    {
        foreach ((int fd, _) in _sockets)
            StreamSocket.SetMark(fd, mark);
    }

    private List<(int Fd, ulong Watch)> WatchAll(IReadOnlyList<int> sockets)
    {
        var watched = new List<(int Fd, ulong Watch)>();
        try
        {
            foreach (int fd in sockets)
                watched.Add((fd, _loop.Watch(fd, EPOLLIN, _ => Accept(fd))));
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

    private void Accept(int listener)
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
            if (EndpointAddress.TryFromSockaddr(address[..length], out EndpointAddress from))
                _onAccepted(fd, from);
            else
                Sys.Close(fd);
        }
    }

    private void Pause(int listener, int pauseMs)
    {
        _loop.Change(_sockets.Find(socket => socket.Fd == listener).Watch, listener, 0);
        // With two that pause, the later one resumes both.
        _loop.Schedule(_resume, _loop.NowMs + pauseMs);
    }

    private void Resume()
    {
        foreach ((int fd, ulong watch) in _sockets)
            _loop.Change(watch, fd, EPOLLIN);
    }
}
