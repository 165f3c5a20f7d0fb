using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Streams;

/// <summary>The listening sockets of a stream network: VSOCK's one, or TCP's for each address family. Control only.</summary>
internal sealed class StreamListener
{
    /// <summary>Connections accepted a turn, so that a flood of them leaves room for everything else.</summary>
    private const int AcceptsPerTurn = 64;

    /// <summary>How long nothing is accepted when there are no descriptors left.</summary>
    private const int PauseMs = 100;

    /// <summary>And when some were given up: lanes let go of them first.</summary>
    private const int RoomMs = 10;

    // What wg(8) can show: a 16-bit port; and those below 1024 are for services that everybody knows.
    private const int FirstEphemeralPort = 1024;
    private const int LastEphemeralPort = 65_535;
    private const int PortAttempts = 100;

    private readonly EventLoop _loop;
    private readonly Action<int, EndpointAddress> _onAccepted;
    private readonly Func<bool> _onShortage;
    private readonly List<(int Fd, ulong Watch)> _sockets = [];
    private readonly Deadline _resume;

    /// <param name="loop">The control loop.</param>
    /// <param name="onAccepted">Is given each connection and its far end.</param>
    /// <param name="onShortage">Called when there is no descriptor for one more; says whether some were given up for it.</param>
    public StreamListener(EventLoop loop, Action<int, EndpointAddress> onAccepted, Func<bool> onShortage)
    {
        _loop = loop;
        _onAccepted = onAccepted;
        _onShortage = onShortage;
        _resume = new Deadline(Resume);
    }

    /// <summary>The port all are bound to; 0 while closed.</summary>
    public ushort Port { get; private set; }

    public bool IsOpen => _sockets.Count != 0;

    /// <summary>Listens on a port, and no longer on the one before. If the new one cannot be had, nothing changes.</summary>
    /// <exception cref="LinuxException">The port is taken, or the system has no room for one more watch.</exception>
    public void Open(NetworkKind kind, ushort port, uint mark)
    {
        if (IsOpen && port == Port)
            return;
        List<int> opened = port == 0 ? OpenEphemeral(kind, mark) : OpenAll(kind, port, mark);
        List<(int Fd, ulong Watch)> watched = WatchAll(opened);
        Close();
        _sockets.AddRange(watched);
        Port = (ushort)StreamSocket.LocalPort(opened[0]);
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
        Port = 0;
    }

    public void SetMark(uint mark)
    {
        foreach ((int fd, _) in _sockets)
            StreamSocket.SetMark(fd, mark);
    }

    private static List<int> OpenEphemeral(NetworkKind kind, uint mark)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return OpenAll(kind, (ushort)Random.Shared.Next(FirstEphemeralPort, LastEphemeralPort + 1), mark);
            }
            catch (LinuxException taken) when (taken.Errno == Errno.EADDRINUSE && attempt < PortAttempts)
            {
                // Another will be free.
            }
        }
    }

    private static List<int> OpenAll(NetworkKind kind, ushort port, uint mark)
    {
        var opened = new List<int>();
        try
        {
            if (kind == NetworkKind.Vsock)
                opened.Add(StreamSocket.Listen(EndpointAddress.Vsock(VMADDR_CID_ANY, port), mark));
            if (kind is NetworkKind.Tcp or NetworkKind.Tcp4)
                opened.Add(StreamSocket.Listen(EndpointAddress.Any(isIPv6: false, port), mark));
            if (kind is NetworkKind.Tcp or NetworkKind.Tcp6)
                OpenIPv6(opened, port, mark, isOptional: kind == NetworkKind.Tcp);
            return opened;
        }
        catch
        {
            opened.ForEach(Sys.Close);
            throw;
        }
    }

    private static void OpenIPv6(List<int> opened, ushort port, uint mark, bool isOptional)
    {
        try
        {
            opened.Add(StreamSocket.Listen(EndpointAddress.Any(isIPv6: true, port), mark));
        }
        catch (LinuxException missing) when (isOptional && missing.Errno is Errno.EAFNOSUPPORT or Errno.EADDRNOTAVAIL)
        {
            // A kernel without IPv6 still has IPv4.
        }
    }

    private List<(int Fd, ulong Watch)> WatchAll(List<int> opened)
    {
        var watched = new List<(int Fd, ulong Watch)>();
        try
        {
            foreach (int fd in opened)
                watched.Add((fd, _loop.Watch(fd, EPOLLIN, _ => Accept(fd))));
            return watched;
        }
        catch
        {
            watched.ForEach(socket => _loop.Unwatch(socket.Watch, socket.Fd));
            opened.ForEach(Sys.Close);
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
