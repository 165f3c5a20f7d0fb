using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Dials more connections to a peer of our kind, beside the one it has: only the end that dialled that one, and only while the
/// peer's HELLO under the current keypair says that it knows what they are. One after the other, so that the peer has them in the
/// same order and only one of them is unauthenticated at a time. The first message on each is a HELLO that joins, and is answered
/// by one: until then nothing else is sent there. Whatever fails concerns that connection alone. Control only.
/// </summary>
internal sealed class ExtraStreams
{
    private readonly EventLoop _loop;
    private readonly Hellos _hellos;
    private readonly int _limit;
    private readonly Func<Peer, int, StreamConnection> _add;
    private readonly StreamDialer _dialer;

    /// <param name="loop">The control loop.</param>
    /// <param name="hellos">To say that a connection joins.</param>
    /// <param name="limit">Connections of a peer, with the first.</param>
    /// <param name="add">Makes a connection of a peer and of a socket that was dialled for it.</param>
    /// <param name="onDeadlineMoved">Is given a peer whose <see cref="Peer.ExtraDial"/> may have another deadline now.</param>
    /// <param name="log">Of the daemon.</param>
    public ExtraStreams(
        EventLoop loop,
        Hellos hellos,
        int limit,
        Func<Peer, int, StreamConnection> add,
        Action<Peer> onDeadlineMoved,
        ILogger log)
    {
        _loop = loop;
        _hellos = hellos;
        _limit = limit;
        _add = add;
        _dialer = new StreamDialer(loop, peer => peer.ExtraDial, IsWanted, OnDialed, _ => { }, onDeadlineMoved, log);
    }

    /// <summary>SO_MARK of new sockets.</summary>
    public uint Mark
    {
        set => _dialer.Mark = value;
    }

    /// <summary>Something has changed that may let the peer have one more.</summary>
    public void Want(Peer peer)
    {
        if (IsWanted(peer))
            _dialer.Want(peer);
    }

    /// <summary>One that was used has ended.</summary>
    public void Replace(Peer peer, StreamConnection lost, string reason, bool isBroken)
    {
        if (!IsWanted(peer))
            return;
        _dialer.Ended(peer, lost, reason, isBroken);
        _dialer.Want(peer);
    }

    /// <summary>Does what is due for the peer.</summary>
    public void OnDeadline(Peer peer) => _dialer.OnDeadline(peer);

    /// <summary>The peer has authenticated on a connection.</summary>
    public void Succeeded(StreamConnection connection) => _dialer.Succeeded(connection);

    /// <summary>A connection has ended; if nobody has authenticated on it, the attempt has failed.</summary>
    public void Lost(StreamConnection connection, string reason) => _dialer.Lost(connection, reason);

    /// <summary>Stops the attempt under way.</summary>
    public void Cancel(Peer peer) => _dialer.Cancel(peer);

    public void CancelAll() => _dialer.CancelAll();

    private bool IsWanted(Peer peer) =>
        _hellos.Local is not null
        && peer.Destination is StreamConnection { IsDialed: true, IsFailed: false }
        && peer.Keypairs.Current is { RemoteHello: not null } keypair && keypair.CanSend(_loop.NowMs)
        && PeerStreams.Used(peer).Count() < _limit;

    private void OnDialed(Peer peer, int fd)
    {
        // The session, or the connection to stand beside, may have ended meanwhile.
        if (!IsWanted(peer))
        {
            Sys.Close(fd);
            return;
        }

        StreamConnection connection = _add(peer, fd);
        connection.Join();
        peer.ExtraDial.Connection = connection;
        _hellos.TryJoin(peer, connection);
    }
}
