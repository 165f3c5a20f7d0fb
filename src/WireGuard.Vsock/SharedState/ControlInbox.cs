using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using WireGuard.Protocol;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// All that lanes tell the control thread. It is bounded: a peer or a connection is in its queue once, however many signals it
/// has. Handshake messages, which anyone can send, have the places of <see cref="HandshakeQueue"/> over UDP, and two for each
/// connection over streams; more are dropped.
/// </summary>
internal sealed class ControlInbox : IDisposable
{
    /// <summary>
    /// This many waiting handshake messages mean load (an eighth of the queue, as in wireguard-go).
    /// </summary>
    public const int HandshakesUnderLoad = HandshakeQueue.Max / 8;

    private readonly ConcurrentQueue<Peer> _peers = new();
    private readonly ConcurrentQueue<StreamConnection> _connections = new();
    private readonly ConcurrentQueue<StreamConnection> _callers = new();
    private readonly HandshakeQueue _handshakes;
    private int _connectionHandshakes;
    private long _underLoadUntilMs = long.MinValue;
    private int _isSignalled;
    private volatile bool _isTunGone;
    private volatile bool _isUnsegmentedRefused;
    private volatile bool _isStopRequested;
    private volatile Exception? _failure;

    public ControlInbox() => _handshakes = new HandshakeQueue(HandshakeRates);

    /// <summary>The rate limit of handshake messages with a valid mac2, by source.</summary>
    public RateLimiter HandshakeRates { get; } = new();

    /// <summary>An eventfd, readable when something was posted.</summary>
    public int Fd { get; } = Sys.Check(Sys.EventFd(), "eventfd");

    public bool IsTunGone => _isTunGone;

    /// <summary>Whether the TUN device takes no unsegmented packets any more.</summary>
    public bool IsUnsegmentedRefused => _isUnsegmentedRefused;

    public bool IsStopRequested => _isStopRequested;

    /// <summary>The exception that ended a lane; null if there was none.</summary>
    public Exception? Failure => _failure;

    /// <summary>Handshake messages that wait, in datagrams and on connections.</summary>
    public int HandshakesWaiting => _handshakes.Count + Volatile.Read(ref _connectionHandshakes);

    /// <summary>Has control do what a message of the peer has left to be done, if it has.</summary>
    public void Post(Peer peer, PeerNews news)
    {
        if (news != PeerNews.None)
            Post(peer, (PeerSignals)news);
    }

    public void Post(Peer peer, PeerSignals signal)
    {
        if (!peer.AddSignal(signal))
            return;
        Interleaving.Point();
        _peers.Enqueue(peer);
        Wake();
    }

    /// <summary>Queues a connection that has its first signal.</summary>
    public void Post(StreamConnection connection)
    {
        Interleaving.Point();
        _connections.Enqueue(connection);
        Wake();
    }

    /// <summary>Keeps a copy of a handshake message with its connection, and queues that.</summary>
    /// <returns>False when the queue is full.</returns>
    public bool TryPostHandshake(ReadOnlySpan<byte> message, StreamConnection from)
    {
        if (!from.TryAddHandshake(message))
            return false;
        Interlocked.Increment(ref _connectionHandshakes);
        if (!from.BeginCalling())
            return true;
        Interleaving.Point();
        _callers.Enqueue(from);
        Wake();
        return true;
    }

    /// <summary>Queues a copy of a handshake message that came in a datagram.</summary>
    /// <param name="message">At most <see cref="InitiationMessage.Size"/> bytes.</param>
    /// <param name="address">Where it came from: a struct sockaddr_in or sockaddr_in6.</param>
    /// <param name="source">The address of ours that it came to: a struct in_pktinfo or in6_pktinfo, or empty.</param>
    /// <returns>False when the queue is full.</returns>
    public bool TryPostHandshake(ReadOnlySpan<byte> message, ReadOnlySpan<byte> address, ReadOnlySpan<byte> source)
    {
        if (!_handshakes.TryPost(message, address, source))
            return false;
        Wake();
        return true;
    }

    /// <summary>
    /// As <see cref="TryPostHandshake(ReadOnlySpan{byte}, ReadOnlySpan{byte}, ReadOnlySpan{byte})"/>, with a valid mac2.
    /// </summary>
    /// <param name="message">At most <see cref="InitiationMessage.Size"/> bytes.</param>
    /// <param name="address">Where it came from: a struct sockaddr_in or sockaddr_in6.</param>
    /// <param name="source">The address of ours that it came to: a struct in_pktinfo or in6_pktinfo, or empty.</param>
    /// <param name="sender">The key of the sender's rate limit.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool TryPostProvenHandshake(
        ReadOnlySpan<byte> message, ReadOnlySpan<byte> address, ReadOnlySpan<byte> source, UInt128 sender, long nowMs)
    {
        if (!_handshakes.TryPostProven(message, address, source, sender, nowMs))
            return false;
        Wake();
        return true;
    }

    /// <summary>
    /// Whether so many handshake messages wait, or have waited within UnderLoadAfterTime, that each must prove its source before
    /// it is processed.
    /// </summary>
    public bool IsUnderLoad(long nowMs)
    {
        if (HandshakesWaiting >= HandshakesUnderLoad)
            Volatile.Write(ref _underLoadUntilMs, nowMs + Limits.UnderLoadAfterTimeMs);
        return nowMs < Volatile.Read(ref _underLoadUntilMs);
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

    /// <summary>Wakes control: a lane found that the machine was suspended.</summary>
    public void PostSlept() => Wake();

    /// <summary>A lane has ended with an exception.</summary>
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

    /// <summary>Called before anything is taken: what is posted from now on wakes again.</summary>
    public void BeginTaking()
    {
        Sys.EventFdReset(Fd);
        Interleaving.Point();
        Interlocked.Exchange(ref _isSignalled, 0);
    }

    public int PeersWaiting => _peers.Count;

    public int ConnectionsWaiting => _connections.Count;

    public bool TryTake([MaybeNullWhen(false)] out Peer peer) => _peers.TryDequeue(out peer);

    public bool TryTake([MaybeNullWhen(false)] out StreamConnection connection) => _connections.TryDequeue(out connection);

    /// <summary>Connections on which handshake messages wait.</summary>
    public int CallersWaiting => _callers.Count;

    /// <summary>
    /// Takes the connection whose handshake messages have waited longest; those that come from now on have it queued again.
    /// </summary>
    public bool TryTakeCaller([MaybeNullWhen(false)] out StreamConnection connection)
    {
        if (!_callers.TryDequeue(out connection))
            return false;
        Interleaving.Point();
        connection.EndCalling();
        return true;
    }

    /// <summary>Takes the older handshake message of a connection.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="buffer">Receives it: <see cref="InitiationMessage.Size"/> bytes, the largest.</param>
    /// <param name="length">Its length.</param>
    public bool TryTakeHandshake(StreamConnection connection, Span<byte> buffer, out int length)
    {
        if (!connection.TryTakeHandshake(buffer, out length))
            return false;
        Interlocked.Decrement(ref _connectionHandshakes);
        return true;
    }

    /// <inheritdoc cref="HandshakeQueue.TryTake"/>
    public bool TryTakeHandshake(
        Span<byte> buffer, out int length, [MaybeNullWhen(false)] out UdpDestination from, out bool isProven) =>
        _handshakes.TryTake(buffer, out length, out from, out isProven);

    public void Dispose() => Sys.Close(Fd);

    private void Wake()
    {
        Interleaving.Point();
        if (Interlocked.Exchange(ref _isSignalled, 1) == 0)
            Sys.EventFdSignal(Fd);
    }
}
