using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Sends HELLO over streams: what <see cref="WireGuardPeer"/> owes, and what the connections of a peer need. Control only.
/// </summary>
internal sealed class Hellos
{
    private readonly EventLoop _loop;
    private readonly Aead _aead;
    private readonly ILogger _log;
    private readonly Continuity? _continuity;

    /// <param name="loop">The control loop.</param>
    /// <param name="aead">The control thread's.</param>
    /// <param name="local">What we accept; null to say nothing, ever.</param>
    /// <param name="log">Of the daemon.</param>
    /// <param name="continuity">Asked before anything is sent.</param>
    public Hellos(EventLoop loop, Aead aead, Hello? local, ILogger log, Continuity? continuity = null)
    {
        _continuity = continuity;
        _loop = loop;
        _aead = aead;
        _log = log;
        Local = local;
    }

    /// <summary>What we say of ourselves; null if nothing.</summary>
    public Hello? Local { get; private set; }

    /// <summary>Says it on the peer's current connection.</summary>
    /// <returns>False when nothing was sent: we have nothing to say, or the path to the peer is no stream.</returns>
    public bool TrySay(Peer peer) =>
        peer.Destination is StreamConnection connection && TrySend(peer, connection, HelloFeatures.None);

    /// <summary>Says it wherever it is owed: in answer to the peer's.</summary>
    public void Answer(Peer peer)
    {
        if (peer.Destination is not StreamConnection connection || Local is not { } hello)
            return;
        Span<byte> message = stackalloc byte[WireGuardPeer.HelloMessageSize];
        while (peer.TryWriteOwedHello(_aead, hello, message, _loop.NowMs))
            TrySend(peer, connection, message);
    }

    /// <summary>
    /// Takes back that we take superpackets: what is said from now on does not promise any, and wherever it was said it is said
    /// anew. Those that are under way are still taken.
    /// </summary>
    public void WithdrawSuperpackets(IEnumerable<Peer> peers)
    {
        if (Local is not { TakesSuperpackets: true } before)
            return;
        Local = before.WithoutSuperpackets;
        foreach (Peer peer in peers)
            Answer(peer);
    }

    /// <summary>Says on a connection that it is one more of the peer's: the first message on it, and its answer.</summary>
    public bool TryJoin(Peer peer, StreamConnection connection) => TrySend(peer, connection, HelloFeatures.Joins);

    /// <summary>Asks for an answer on this connection, if the peer gives any.</summary>
    public bool TryAsk(Peer peer, StreamConnection connection) =>
        TrySend(peer, connection, HelloFeatures.Joins | HelloFeatures.Asks);

    private bool TrySend(Peer peer, StreamConnection connection, HelloFeatures ofConnection)
    {
        if (Local is not { } hello)
            return false;
        Span<byte> message = stackalloc byte[WireGuardPeer.HelloMessageSize];
        hello = hello with { Features = hello.Features | ofConnection };
        return peer.TryWriteHello(_aead, hello, message, _loop.NowMs) && TrySend(peer, connection, message);
    }

    private bool TrySend(Peer peer, StreamConnection connection, ReadOnlySpan<byte> message)
    {
        if (_continuity is { IsBroken: true })
            return false;
        peer.CountSent(message.Length);
        Log.HelloSent(_log, peer);
        connection.Send(message, _loop.NowMs);
        return true;
    }
}
