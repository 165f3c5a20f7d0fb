using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Transport;
using WireGuard.Protocol.Noise;

namespace WireGuard.Daemon.Control;

/// <summary>
/// All that lanes tell the control thread. It is bounded: a peer or a connection stands in its queue once, whatever signals
/// it gathers; handshake messages, which strangers can cause, have <see cref="MaxHandshakes"/> places, and what comes beyond them
/// is dropped.
/// </summary>
internal sealed class ControlInbox : IDisposable
{
    public const int MaxHandshakes = 256;

    /// <summary>With this many waiting we are under load (an eighth of the places, as in wireguard-go).</summary>
    public const int HandshakesUnderLoad = MaxHandshakes / 8;

    private readonly ConcurrentQueue<Peer> _peers = new();
    private readonly ConcurrentQueue<StreamConnection> _connections = new();
    private readonly Lock _handshakesGate = new();
    private readonly Handshake[] _handshakes = new Handshake[MaxHandshakes];
    private readonly byte[] _handshakeBytes = new byte[MaxHandshakes * InitiationMessage.Size];
    private int _firstHandshake;
    private int _handshakeCount;
    private int _isSignalled;
    private volatile bool _isTunGone;
    private volatile bool _isUnsegmentedRefused;
    private volatile bool _isStopRequested;
    private volatile Exception? _failure;

    /// <summary>An eventfd, readable when there is something.</summary>
    public int Fd { get; } = Sys.Check(Sys.EventFd(), "eventfd");

    public bool IsTunGone => _isTunGone;

    /// <summary>Whether the TUN device takes no unsegmented packets any more.</summary>
    public bool IsUnsegmentedRefused => _isUnsegmentedRefused;

    public bool IsStopRequested => _isStopRequested;

    /// <summary>Why a lane has ended by itself; null while all are well.</summary>
    public Exception? Failure => _failure;

    public int HandshakesWaiting
    {
        get
        {
            lock (_handshakesGate)
                return _handshakeCount;
        }
    }

    /// <summary>Whether there is a place now; another lane may take it.</summary>
    public bool HasRoomForHandshake => HandshakesWaiting < MaxHandshakes;

    public void Post(Peer peer, PeerSignals signal)
    {
        if (!peer.AddSignal(signal))
            return;
        _peers.Enqueue(peer);
        Wake();
    }

    /// <summary>Queues a connection that has got its first signal.</summary>
    public void Post(StreamConnection connection)
    {
        _connections.Enqueue(connection);
        Wake();
    }

    /// <summary>Queues a copy of a handshake message.</summary>
    /// <returns>False when there is no place.</returns>
    public bool TryPostHandshake(ReadOnlySpan<byte> message, Destination from)
    {
        lock (_handshakesGate)
        {
            if (_handshakeCount == MaxHandshakes)
                return false;
            int i = (_firstHandshake + _handshakeCount++) % MaxHandshakes;
            message.CopyTo(_handshakeBytes.AsSpan(i * InitiationMessage.Size, InitiationMessage.Size));
            _handshakes[i] = new Handshake(message.Length, from);
        }

        Wake();
        return true;
    }

    public void PostTunGone()
    {
        _isTunGone = true;
        Wake();
    }

    /// <summary>The kernel has refused an unsegmented packet on the TUN device, and a lane has stopped writing any.</summary>
    public void PostUnsegmentedRefused()
    {
        _isUnsegmentedRefused = true;
        Wake();
    }

    /// <summary>Has control look around: a lane found that the machine was suspended.</summary>
    public void PostSlept() => Wake();

    /// <summary>A lane has ended: it met what it cannot deal with.</summary>
    public void PostFailure(Exception failure)
    {
        _failure = failure;
        Wake();
    }

    public void RequestStop()
    {
        _isStopRequested = true;
        Wake();
    }

    /// <summary>To be called before anything is taken: what is posted from now on wakes again.</summary>
    public void BeginTaking()
    {
        Sys.EventFdReset(Fd);
        Interlocked.Exchange(ref _isSignalled, 0);
    }

    public int PeersWaiting => _peers.Count;

    public int ConnectionsWaiting => _connections.Count;

    public bool TryTake([MaybeNullWhen(false)] out Peer peer) => _peers.TryDequeue(out peer);

    public bool TryTake([MaybeNullWhen(false)] out StreamConnection connection) => _connections.TryDequeue(out connection);

    /// <summary>Takes the oldest handshake message.</summary>
    /// <param name="buffer">Receives it: <see cref="InitiationMessage.Size"/> bytes, the largest.</param>
    /// <param name="length">Its length.</param>
    /// <param name="from">Where it came from.</param>
    public bool TryTakeHandshake(Span<byte> buffer, out int length, [MaybeNullWhen(false)] out Destination from)
    {
        lock (_handshakesGate)
        {
            length = 0;
            from = null;
            if (_handshakeCount == 0)
                return false;
            (length, from) = _handshakes[_firstHandshake];
            _handshakeBytes.AsSpan(_firstHandshake * InitiationMessage.Size, length).CopyTo(buffer);
            _handshakes[_firstHandshake] = default;
            _firstHandshake = (_firstHandshake + 1) % MaxHandshakes;
            _handshakeCount--;
            return true;
        }
    }

    public void Dispose() => Sys.Close(Fd);

    private void Wake()
    {
        if (Interlocked.Exchange(ref _isSignalled, 1) == 0)
            Sys.EventFdSignal(Fd);
    }

    private readonly record struct Handshake(int Length, Destination From);
}
