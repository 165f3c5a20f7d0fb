using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Serves the control socket: accepts, and for each connection reads requests, applies them, answers. A connection that does not
/// read its answers is not read from either. On the control thread.
/// </summary>
internal sealed class UapiServer : IDisposable
{
    /// <summary>Connections at a time; wg(8) makes one a command. One more takes the place of the one idle longest.</summary>
    private const int MaxConnections = 64;

    /// <summary>A connection that was idle for less keeps its place: its request may be under way.</summary>
    private const int MinIdleMs = 1_000;

    /// <summary>How long nothing is accepted when one more connection cannot be served.</summary>
    private const int PauseMs = 100;

    private readonly UapiListener _listener;
    private readonly HashSet<UapiConnection> _connections = [];
    private readonly SpareDescriptor _spare = new();
    private readonly ulong _watch;
    private readonly Deadline _resume;

    public UapiServer(UapiListener listener, EventLoop loop, Configurator configurator, NetworkKind network, ILogger log)
    {
        _listener = listener;
        Loop = loop;
        Configurator = configurator;
        Network = network;
        Log = log;
        Trim = new HeapTrim(loop);
        _watch = loop.Watch(listener.Fd, EPOLLIN, _ => Accept());
        _resume = new Deadline(Resume);
    }

    public EventLoop Loop { get; }

    public Configurator Configurator { get; }

    public NetworkKind Network { get; }

    public ILogger Log { get; }

    public HeapTrim Trim { get; }

    /// <summary>Space for what one connection has sent: it is parsed and wiped before another connection is read.</summary>
    public byte[] Received { get; } = GC.AllocateArray<byte>(16 * 1024, pinned: true);

    public void Dispose()
    {
        Loop.Cancel(_resume);
        Loop.Unwatch(_watch, _listener.Fd);
        foreach (UapiConnection connection in _connections.ToArray())
            connection.Dispose();
        _spare.Dispose();
    }

    /// <summary>The connection has closed itself.</summary>
    public void Forget(UapiConnection connection)
    {
        _connections.Remove(connection);
        _spare.Refill();
    }

    /// <summary>Accepts one connection; if more wait, the loop calls again.</summary>
    private void Accept()
    {
        if (_connections.Count == MaxConnections && !TryCloseLongestIdle())
        {
            Pause();
            return;
        }

        int fd = _listener.Accept();
        // Tunnels may have used all descriptors, and the control socket is where to find out why.
        if (Errno.IsShortage(fd) && (_spare.TryRelease() || (TryCloseLongestIdle() && _spare.TryRelease())))
            fd = _listener.Accept();
        if (Errno.IsShortage(fd))
            Pause();
        else if (fd >= 0 && !TryServe(fd))
            Sys.Close(fd);
    }

    private bool TryCloseLongestIdle()
    {
        UapiConnection? longest = _connections.MinBy(connection => connection.ActiveMs);
        if (longest is null || Loop.NowMs - longest.ActiveMs < MinIdleMs)
            return false;
        longest.Dispose();
        return true;
    }

    /// <summary>The waiting connection would wake the loop again and again.</summary>
    private void Pause()
    {
        Loop.Change(_watch, _listener.Fd, 0);
        Loop.Schedule(_resume, Loop.NowMs + PauseMs);
    }

    private void Resume()
    {
        _spare.Refill();
        Loop.Change(_watch, _listener.Fd, EPOLLIN);
    }

    private bool TryServe(int fd)
    {
        try
        {
            _connections.Add(new UapiConnection(fd, this));
            return true;
        }
        catch (LinuxException)
        {
            // One more watch cannot be had, which is no reason for the tunnel to end.
            return false;
        }
    }
}
