using Microsoft.Extensions.Logging;
using WireGuard.Daemon.Control;
using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Transport;
using static WireGuard.Daemon.Interop.Libc;

namespace WireGuard.Daemon.Uapi;

/// <summary>
/// Serves the control socket: accepts, and for each connection reads requests, applies them, answers. A connection that does not
/// read its answers is not read from either. On the control thread.
/// </summary>
internal sealed class UapiServer : IDisposable
{
    /// <summary>Connections at a time; wg(8) makes one a command.</summary>
    private const int MaxConnections = 64;

    /// <summary>How long nothing is accepted when there are no descriptors left.</summary>
    private const int PauseMs = 100;

    private readonly UapiListener _listener;
    private readonly ControlLoop _loop;
    private readonly Configurator _configurator;
    private readonly NetworkKind _network;
    private readonly ILogger _log;
    private readonly HashSet<UapiConnection> _connections = [];
    private readonly ulong _watch;
    private readonly Deadline _resume;

    public UapiServer(UapiListener listener, ControlLoop loop, Configurator configurator, NetworkKind network, ILogger log)
    {
        _listener = listener;
        _loop = loop;
        _configurator = configurator;
        _network = network;
        _log = log;
        _watch = loop.Watch(listener.Fd, EPOLLIN, _ => Accept());
        _resume = new Deadline(() => _loop.Change(_watch, _listener.Fd, EPOLLIN));
    }

    public void Dispose()
    {
        _loop.Cancel(_resume);
        _loop.Unwatch(_watch, _listener.Fd);
        foreach (UapiConnection connection in _connections.ToArray())
            connection.Dispose();
    }

    private void Accept()
    {
        int fd;
        while ((fd = _listener.Accept()) >= 0)
        {
            if (_connections.Count == MaxConnections || !TryServe(fd))
                Sys.Close(fd);
        }

        if (Errno.IsShortage(fd))
            Pause();
    }

    /// <summary>The connection goes on waiting, and would wake us again and again.</summary>
    private void Pause()
    {
        _loop.Change(_watch, _listener.Fd, 0);
        _loop.Schedule(_resume, _loop.NowMs + PauseMs);
    }

    private bool TryServe(int fd)
    {
        try
        {
            _connections.Add(new UapiConnection(fd, _loop, _configurator, _network, Forget, _log));
            return true;
        }
        catch (LinuxException)
        {
            // The system has no room for one more watch: no reason for the tunnel to end.
            return false;
        }
    }

    private void Forget(UapiConnection connection) => _connections.Remove(connection);
}
