using Microsoft.Extensions.Logging;
using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Transport;
using WireGuard.Protocol.Noise;
using static WireGuard.Daemon.Interop.Libc;

namespace WireGuard.Daemon.Control;

/// <summary>
/// Dials the configured endpoints of peers, on demand: at once, then with a backoff, as long as somebody has wanted to send
/// within REKEY_ATTEMPT_TIME. The states are drawn at <see cref="DialState"/>. Control only.
/// </summary>
internal sealed class StreamDialer
{
    private readonly ControlLoop _loop;
    private readonly ILogger _log;
    private readonly HashSet<Peer> _wanted = [];
    private readonly Func<Peer, DialState> _stateOf;
    private readonly Func<Peer, bool> _isNeeded;
    private readonly Action<Peer, int> _onConnected;
    private readonly Action<Peer> _onAbandoned;
    private uint _mark;

    /// <param name="loop">The control loop.</param>
    /// <param name="stateOf">Where it keeps how the dialling of a peer stands.</param>
    /// <param name="isNeeded">Whether a connection to the peer would be of use.</param>
    /// <param name="onConnected">Is given a peer and the socket that is connected to its endpoint.</param>
    /// <param name="onAbandoned">Is given a peer that nobody has wanted for long, and that is dialled no more.</param>
    /// <param name="log">Of the daemon.</param>
    public StreamDialer(
        ControlLoop loop,
        Func<Peer, DialState> stateOf,
        Func<Peer, bool> isNeeded,
        Action<Peer, int> onConnected,
        Action<Peer> onAbandoned,
        ILogger log)
    {
        _loop = loop;
        _stateOf = stateOf;
        _isNeeded = isNeeded;
        _onConnected = onConnected;
        _onAbandoned = onAbandoned;
        _log = log;
    }

    /// <summary>SO_MARK of sockets that are connecting, now and later.</summary>
    public uint Mark
    {
        get => _mark;
        set
        {
            _mark = value;
            foreach (Peer peer in _wanted)
            {
                if (_stateOf(peer) is { IsConnecting: true } dial)
                    StreamSocket.SetMark(dial.ConnectingFd, value);
            }
        }
    }

    /// <summary>Somebody wants a connection to the peer.</summary>
    public void Want(Peer peer)
    {
        _stateOf(peer).WantedMs = _loop.NowMs;
        _wanted.Add(peer);
        Proceed(peer);
    }

    /// <summary>The connection that was dialled is of no use: the next attempt comes after the backoff.</summary>
    public void Failed(Peer peer, string reason)
    {
        DialState dial = _stateOf(peer);
        int delayMs = dial.NextDelayMs();
        dial.NotBeforeMs = _loop.NowMs + delayMs;
        dial.Connection = null;
        Log.DialFailed(_log, peer, peer.Endpoint, reason, delayMs);
        ScheduleRetry(peer);
    }

    /// <summary>A peer has authenticated on a connection: if it was this dialler's, the attempt is over.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="resetsBackoff">Whether the next attempt, whenever it is, may be made at once.</param>
    public void Succeeded(StreamConnection connection, bool resetsBackoff)
    {
        if (connection.DialedFor is not { } peer || _stateOf(peer).Connection != connection)
            return;
        _stateOf(peer).Connection = null;
        if (resetsBackoff)
            _stateOf(peer).ResetBackoff();
    }

    /// <summary>
    /// A connection has ended: if it was this dialler's, and nobody had authenticated on it, the attempt has failed.
    /// </summary>
    public void Lost(StreamConnection connection, string reason)
    {
        if (connection.DialedFor is { } peer && _stateOf(peer).Connection == connection)
            Failed(peer, reason);
    }

    /// <summary>Stops the attempt under way: the endpoint has changed, or the peer or the network is gone.</summary>
    public void Cancel(Peer peer)
    {
        DialState dial = _stateOf(peer);
        if (dial.IsConnecting)
            Abort(dial);
        dial.Connection = null;
        dial.WantedMs = 0;
        dial.ResetBackoff();
        _wanted.Remove(peer);
    }

    /// <summary>Stops all attempts: the network closes.</summary>
    public void CancelAll()
    {
        foreach (Peer peer in _wanted.ToArray())
            Cancel(peer);
    }

    private void Proceed(Peer peer)
    {
        DialState dial = _stateOf(peer);
        // Nobody listens on port 0: `get` shows it for a peer that called us, and it may come back with a saved configuration.
        if (dial.IsConnecting || dial.Connection is not null || peer.IsRemoved || dial.WantedMs == 0
            || !_isNeeded(peer) || peer.Endpoint is not { Port: not 0 } endpoint)
            return;
        if (_loop.NowMs - dial.WantedMs >= Limits.RekeyAttemptTimeMs)
        {
            Cancel(peer);
            _onAbandoned(peer);
            return;
        }

        if (_loop.NowMs < dial.NotBeforeMs)
        {
            ScheduleRetry(peer);
            return;
        }

        int fd = StreamSocket.Connect(endpoint, Mark);
        if (fd < 0)
        {
            Failed(peer, Errno.Text(-fd));
            return;
        }

        int watched = _loop.TryWatch(fd, EPOLLOUT, _ => Connected(peer, fd), out ulong watch);
        if (watched < 0)
        {
            Sys.Close(fd);
            Failed(peer, Errno.Text(-watched));
            return;
        }

        Log.Dialing(_log, peer, endpoint);
        dial.ConnectingFd = fd;
        dial.StartedMs = _loop.NowMs;
        dial.Watch = watch;
        _loop.At(_loop.NowMs + DialState.ConnectTimeoutMs, () => TimedOut(peer, fd));
    }

    private void Connected(Peer peer, int fd)
    {
        DialState dial = _stateOf(peer);
        _loop.Unwatch(dial.Watch, fd);
        dial.ConnectingFd = -1;
        int error = StreamSocket.ConnectError(fd);
        if (error != 0)
        {
            Sys.Close(fd);
            Failed(peer, Errno.Text(error));
            return;
        }

        _onConnected(peer, fd);
    }

    private void TimedOut(Peer peer, int fd)
    {
        DialState dial = _stateOf(peer);
        // The number may stand for a later attempt: that one has its own time.
        if (dial.ConnectingFd != fd || _loop.NowMs - dial.StartedMs < DialState.ConnectTimeoutMs)
            return;
        Abort(dial);
        Failed(peer, Errno.Text(Errno.ETIMEDOUT));
    }

    private void Abort(DialState dial)
    {
        _loop.Unwatch(dial.Watch, dial.ConnectingFd);
        Sys.Close(dial.ConnectingFd);
        dial.ConnectingFd = -1;
    }

    private void ScheduleRetry(Peer peer)
    {
        DialState dial = _stateOf(peer);
        if (dial.IsRetryScheduled)
            return;
        dial.IsRetryScheduled = true;
        _loop.At(dial.NotBeforeMs, () =>
        {
            dial.IsRetryScheduled = false;
            Proceed(peer);
        });
    }
}
