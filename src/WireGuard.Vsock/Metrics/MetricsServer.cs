using System.Collections;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Metrics;

/// <summary>
/// Serves metrics by HTTP/1.1: GET /metrics, one request a connection. On the loop's thread, which it never keeps for long: it
/// has a few connections at a time, an answer is written and sent in pieces, and each connection ends within seconds.
/// </summary>
internal sealed class MetricsServer : IDisposable
{
    /// <summary>Connections at a time; one more takes the place of the oldest.</summary>
    public const int MaxConnections = 16;

    /// <summary>How long nothing is accepted when one more connection cannot be served.</summary>
    private const int PauseMs = 100;

    private readonly Func<MetricsText, IEnumerator> _write;
    private readonly List<MetricsConnection> _connections = []; // oldest first
    private readonly int _fd;
    private readonly IDisposable? _owner;
    private readonly ulong _watch;
    private readonly Deadline _resume;
    private MetricsText? _spare;

    /// <param name="loop">Whose thread serves.</param>
    /// <param name="address">Where.</param>
    /// <param name="write">
    /// Writes all families. It yields null between samples, where the answer so far may be sent: what is long is written little
    /// by little.
    /// </param>
    /// <exception cref="SetupException">The address is taken, or may not be listened on.</exception>
    public MetricsServer(EventLoop loop, MetricsAddress address, Func<MetricsText, IEnumerator> write)
    {
        Loop = loop;
        _write = write;
        _resume = new Deadline(() => loop.Change(_watch, _fd, EPOLLIN));
        (_fd, _owner) = address.Listen();
        _watch = loop.Watch(_fd, EPOLLIN, _ => Accept());
    }

    /// <summary>As the other, where there is little to write.</summary>
    public MetricsServer(EventLoop loop, MetricsAddress address, Action<MetricsText> write)
        : this(loop, address, text => Once(write, text))
    {
    }

    public EventLoop Loop { get; }

    public void Dispose()
    {
        Loop.Cancel(_resume);
        foreach (MetricsConnection connection in _connections.ToArray())
            connection.Dispose();
        Loop.Unwatch(_watch, _fd);
        if (_owner is null)
            Sys.Close(_fd);
        else
            _owner.Dispose();
    }

    /// <summary>Begins an answer.</summary>
    public (MetricsText Text, IEnumerator Families) Begin()
    {
        MetricsText text = Take();
        return (text, _write(text));
    }

    /// <summary>An empty text.</summary>
    public MetricsText Take()
    {
        MetricsText text = _spare ?? new MetricsText();
        _spare = null;
        text.Cut(0);
        return text;
    }

    /// <summary>The connection has closed itself, and needs its text no more.</summary>
    public void Forget(MetricsConnection connection, MetricsText? text)
    {
        _connections.Remove(connection);
        if (text is { Capacity: <= 2 * MetricsConnection.PieceSize })
            _spare = text;
    }

    private static IEnumerator Once(Action<MetricsText> write, MetricsText text)
    {
        write(text);
        yield break;
    }

    /// <summary>Accepts one connection; if more wait, the loop calls again.</summary>
    private void Accept()
    {
        int fd = Sys.Accept(_fd);
        if (Errno.IsShortage(fd))
        {
            // The waiting connection would wake the loop again and again.
            Loop.Change(_watch, _fd, 0);
            Loop.Schedule(_resume, Loop.NowMs + PauseMs);
        }

        if (fd < 0)
            return;
        if (_connections.Count == MaxConnections)
            _connections[0].Dispose();
        if (MetricsConnection.TryServe(fd, this) is { } connection)
            _connections.Add(connection);
        else
            Sys.Close(fd);
    }
}
