using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Dials the configured endpoints of peers, on demand: at once, then with a backoff, as long as somebody has wanted to send
/// within REKEY_ATTEMPT_TIME. The states are drawn at <see cref="DialState"/>. Control only.
/// </summary>
internal sealed class StreamDialer
{
    private readonly EventLoop _loop;
    private readonly ILogger _log;
    private readonly HashSet<Peer> _wanted = [];
    private readonly Func<Peer, DialState> _stateOf;
    private readonly Func<Peer, bool> _isNeeded;
    private readonly Action<Peer, int> _onConnected;
    private readonly Action<Peer> _onAbandoned;
    private readonly Action<Peer> _onDeadlineMoved;
    private uint _mark;

    /// <param name="loop">The control loop.</param>
    /// <param name="stateOf">Where it keeps how the dialling of a peer stands.</param>
    /// <param name="isNeeded">Whether a connection to the peer would be of use.</param>
    /// <param name="onConnected">Is given a peer and the socket that is connected to its endpoint.</param>
    /// <param name="onAbandoned">Is given a peer that nobody has wanted for long, and that is dialled no more.</param>
    /// <param name="onDeadlineMoved">Is given a peer whose <see cref="DialState.NextDeadline"/> may be another now.</param>
    /// <param name="log">Of the daemon.</param>
    public StreamDialer(
        EventLoop loop,
        Func<Peer, DialState> stateOf,
        Func<Peer, bool> isNeeded,
        Action<Peer, int> onConnected,
        Action<Peer> onAbandoned,
        Action<Peer> onDeadlineMoved,
        ILogger log)
    {
        _loop = loop;
        _stateOf = stateOf;
        _isNeeded = isNeeded;
        _onConnected = onConnected;
        _onAbandoned = onAbandoned;
        _onDeadlineMoved = onDeadlineMoved;
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
        _onDeadlineMoved(peer);
    }

    /// <summary>Does what is due by the peer's <see cref="DialState.NextDeadline"/>.</summary>
    public void OnDeadline(Peer peer)
    {
        DialState dial = _stateOf(peer);
        if (_loop.NowMs < dial.NextDeadline)
            return;
        if (!dial.IsConnecting)
        {
            Proceed(peer);
            return;
        }

        Abort(dial);
        Failed(peer, Errno.Text(Errno.ETIMEDOUT));
    }

    /// <summary>The connection that was dialled is of no use: the next attempt comes after the backoff.</summary>
    public void Failed(Peer peer, string reason)
    {
        DialState dial = _stateOf(peer);
        int delayMs = dial.NextDelayMs();
        dial.NotBeforeMs = _loop.NowMs + delayMs;
        dial.Connection = null;
        Log.DialFailed(_log, peer, peer.Endpoint, reason, delayMs);
        _onDeadlineMoved(peer);
    }

    /// <summary>A peer has authenticated on a connection: if it was this dialler's, the attempt is over.</summary>
    public void Succeeded(StreamConnection connection)
    {
        if (connection.DialedFor is { } peer && _stateOf(peer).Connection == connection)
            Forget(peer);
    }

    /// <summary>
    /// A connection has ended on which the peer had authenticated. If it was in use for long, the next attempt may be made at
    /// once; if it broke before, it has failed like one that did not come about.
    /// </summary>
    /// <param name="peer">The peer.</param>
    /// <param name="connection">One that we dialled.</param>
    /// <param name="reason">Why it ended.</param>
    /// <param name="isBroken">False when we have closed it because we want it no more.</param>
    public void Ended(Peer peer, StreamConnection connection, string reason, bool isBroken)
    {
        DialState dial = _stateOf(peer);
        if (_loop.NowMs - connection.SinceMs >= DialState.ProvenMs)
            dial.ResetBackoff();
        else if (isBroken && !dial.IsConnecting && dial.Connection is null && _loop.NowMs >= dial.NotBeforeMs)
            Failed(peer, reason);
    }

    /// <summary>
    /// A connection has ended: if it was this dialler's, and nobody had authenticated on it, the attempt has failed.
    /// </summary>
    public void Lost(StreamConnection connection, string reason)
    {
        if (connection.DialedFor is { } peer && _stateOf(peer).Connection == connection)
            Failed(peer, reason);
    }

    /// <summary>Stops the attempt under way. The delay before the next one stays.</summary>
    public void Cancel(Peer peer)
    {
        DialState dial = _stateOf(peer);
        if (dial.IsConnecting)
            Abort(dial);
        Forget(peer);
    }

    /// <summary>
    /// Stops the attempt under way, and lets the next one begin at once: the endpoint has changed, or the peer or the network is
    /// gone.
    /// </summary>
    public void Reset(Peer peer)
    {
        Cancel(peer);
        _stateOf(peer).ResetBackoff();
    }

    /// <summary>Stops all attempts: the network closes.</summary>
    public void CancelAll()
    {
        foreach (Peer peer in _wanted.ToArray())
            Reset(peer);
    }

    /// <summary>Nobody waits for a connection any more.</summary>
    private void Forget(Peer peer)
    {
        DialState dial = _stateOf(peer);
        dial.Connection = null;
        dial.WantedMs = 0;
        _wanted.Remove(peer);
        _onDeadlineMoved(peer);
    }

    private void Proceed(Peer peer)
    {
        DialState dial = _stateOf(peer);
        if (dial.IsConnecting || dial.Connection is not null || dial.WantedMs == 0)
            return;
        // Nobody listens on port 0: `get` shows it for a peer that called us, and it may come back with a saved configuration.
        if (peer.IsRemoved || !_isNeeded(peer) || peer.Endpoint is not { Port: not 0 } endpoint)
        {
            Forget(peer);
            return;
        }

        if (_loop.NowMs - dial.WantedMs >= Limits.RekeyAttemptTimeMs)
        {
            Reset(peer);
            _onAbandoned(peer);
            return;
        }

        if (_loop.NowMs < dial.NotBeforeMs)
            return;

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
        _onDeadlineMoved(peer);
    }

    private void Abort(DialState dial)
    {
        _loop.Unwatch(dial.Watch, dial.ConnectingFd);
        Sys.Close(dial.ConnectingFd);
        dial.ConnectingFd = -1;
    }
}
