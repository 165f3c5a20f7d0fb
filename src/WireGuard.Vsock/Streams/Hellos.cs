using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
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
    private readonly byte[] _first = new byte[WireGuardPeer.ShortHelloSize];
    private readonly byte[] _message = new byte[Hello.ProvingSize];

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

    /// <summary>
    /// Says it on the peer's current connection, if it was not said there under the session that we send with. Not while a
    /// session is about to take the place of that one: it is said once that is confirmed.
    /// </summary>
    /// <returns>False when nothing was sent.</returns>
    public bool TrySay(Peer peer) =>
        peer.Destination is StreamConnection connection && Local is { } hello
        && !peer.Keypairs.AwaitsConfirmation && peer.MustSay(hello, connection.SaidHelloUnder)
        && TrySend(peer, connection, HelloFeatures.None);

    /// <summary>Says it wherever it is owed: in answer to the peer's.</summary>
    public void Answer(Peer peer)
    {
        if (peer.Destination is not StreamConnection connection || Local is not { } hello)
            return;
        (int first, int size) = Sizes(hello, HelloFeatures.None, isRepeated: false);
        while (peer.TryWriteOwedHello(_aead, hello, _first.AsSpan(0, first), _message.AsSpan(0, size), _loop.NowMs))
            TrySend(peer, connection, first, size);
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
        (int first, int size) = Sizes(hello, ofConnection, isRepeated: connection.SaidHelloUnder is not null);
        hello = hello with { Features = hello.Features | ofConnection };
        return peer.TryWriteHello(_aead, hello, _first.AsSpan(0, first), _message.AsSpan(0, size), _loop.NowMs)
            && TrySend(peer, connection, first, size);
    }

    /// <summary>
    /// How long the message is that carries it, and the one in front. A keepalive before one that joins would have the connection
    /// take the place of the others, so the same goes in front of it, unpadded. What is asked and answered later on such a
    /// connection repeats what was said, and need not be long: a slow path is no silent one.
    /// </summary>
    private static (int First, int Size) Sizes(Hello hello, HelloFeatures ofConnection, bool isRepeated)
    {
        bool joins = ofConnection != HelloFeatures.None;
        if (!hello.Promises || (joins && isRepeated))
            return (0, WireGuardPeer.ShortHelloSize);
        return (joins ? WireGuardPeer.ShortHelloSize : TransportMessage.MinSize, Hello.ProvingSize);
    }

    private bool TrySend(Peer peer, StreamConnection connection, int first, int size)
    {
        if (_continuity is { IsBroken: true })
            return false;
        peer.CountSent(first + size);
        Log.HelloSent(_log, peer);
        connection.Send(_first.AsSpan(0, first), _message.AsSpan(0, size), _loop.NowMs);
        if (size == Hello.ProvingSize || Local is { Promises: false })
            connection.SaidHelloUnder = TransportMessage.ReceiverIndex(_message);
        return true;
    }
}
