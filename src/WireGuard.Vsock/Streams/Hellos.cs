using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Says HELLO, over streams: once under each new keypair, and as the first message of each connection that is to be one more of
/// a peer's. It asks for no answer, so it starts no timer but the ones that an empty message starts. Control only.
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
    /// <returns>False when nothing was sent: we have nothing to say, or the way to the peer is no stream.</returns>
    public bool TrySay(Peer peer) =>
        peer.Destination is StreamConnection connection && Local is { } hello
        && TrySend(peer, connection, peer.Keypairs.Current, hello);

    /// <summary>
    /// Says it under each keypair under which the peer has and we have not: when handshakes have crossed, each end sends with the
    /// keypair of its own, and so is the only one to say it there.
    /// </summary>
    public void Answer(Peer peer)
    {
        if (peer.Destination is not StreamConnection connection || Local is not { } hello)
            return;
        foreach (Keypair keypair in peer.Keypairs.All)
        {
            if (keypair is { RemoteHello: not null, HasSaidHello: false })
                TrySend(peer, connection, keypair, hello);
        }
    }

    /// <summary>
    /// Takes back that we take superpackets: what is said from now on does not promise any, and under each keypair under which it
    /// was said it is said anew. Those that are under way are still taken.
    /// </summary>
    public void WithdrawSuperpackets(IEnumerable<Peer> peers)
    {
        if (Local is not { TakesSuperpackets: true } before)
            return;
        Hello hello = new(0, before.Features & ~(HelloFeatures.Tcp | HelloFeatures.Udp));
        Local = hello;
        foreach (Peer peer in peers)
        {
            if (peer.Destination is not StreamConnection connection)
                continue;
            foreach (Keypair keypair in peer.Keypairs.All)
            {
                if (keypair.HasSaidHello)
                    TrySend(peer, connection, keypair, hello);
            }
        }
    }

    /// <summary>Says on a connection that it is one more of the peer's: the first message on it, and its answer.</summary>
    public bool TryJoin(Peer peer, StreamConnection connection) =>
        Local is { } hello
        && TrySend(peer, connection, peer.Keypairs.Current, hello with { Features = hello.Features | HelloFeatures.Joins });

    /// <summary>Asks for an answer on this connection, if the peer gives any.</summary>
    public bool TryAsk(Peer peer, StreamConnection connection) =>
        Local is { } hello && peer.Keypairs.Current is { RemoteHello.Answers: true } keypair
        && TrySend(
            peer, connection, keypair, hello with { Features = hello.Features | HelloFeatures.Joins | HelloFeatures.Asks });

    private bool TrySend(Peer peer, StreamConnection connection, Keypair? keypair, Hello hello)
    {
        if (keypair is null || !keypair.CanSend(_loop.NowMs))
            return false;
        // Padded as everything is.
        Span<byte> message = stackalloc byte[TransportMessage.Overhead + Limits.PaddingMultiple];
        message.Clear();
        hello.Write(message[TransportMessage.HeaderSize..]);
        if (!keypair.TrySeal(_aead, message, _loop.NowMs) || _continuity is { IsBroken: true })
            return false;
        keypair.HasSaidHello = true;
        peer.CountSent(message.Length);
        peer.Activity.Sent(_loop.NowMs);
        Log.HelloSent(_log, peer);
        connection.Send(message, _loop.NowMs);
        return true;
    }
}
