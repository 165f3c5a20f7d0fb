using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// The network under the tunnel, as control deals with it: datagrams (UdpNetwork) or streams (StreamNetwork). It is open
/// while the interface is up. Control only.
/// </summary>
internal abstract class Network
{
    /// <summary>Receives what the network reports of peers. Set once, before the network is opened.</summary>
    public INetworkEvents Events { protected get; set; } = null!;

    /// <summary>The port that is bound; 0 while none is.</summary>
    public abstract ushort Port { get; }

    /// <summary>Whether peers can be sent to: over streams, also while no port is bound.</summary>
    public abstract bool IsOpen { get; }

    /// <summary>
    /// While it is open: why the peer cannot connect to us, or some peer if null is asked for; null if it can as far as we know.
    /// </summary>
    public virtual string? ListenProblem(Peer? peer) => null;

    /// <summary>Unauthenticated connections closed since there were too many; 0 with UDP.</summary>
    public virtual long RefusedConnections => 0;

    /// <summary>Sums over the peer's connections; 0 with UDP.</summary>
    public virtual StreamTotals TotalsOf(Peer peer) => default;

    /// <summary>The peer's connections, oldest first; none with UDP.</summary>
    public virtual IEnumerable<ConnectionStatus> ConnectionsOf(Peer peer) => [];

    /// <summary>Opens, and binds, or binds anew: the old sockets stay if the new ones cannot be had.</summary>
    /// <param name="port">0 for an ephemeral one.</param>
    /// <exception cref="Interop.LinuxException">The port is taken.</exception>
    public abstract void Open(ushort port);

    /// <summary>Closes everything: nothing is sent or received until it is opened again.</summary>
    public abstract void Close();

    /// <summary>Sets the mark (SO_MARK) of all sockets, now and later.</summary>
    public abstract void SetMark(uint mark);

    /// <summary>A peer's endpoint was set, or removed: then its destination stays.</summary>
    public abstract void OnEndpointSet(Peer peer, EndpointAddress? previous);

    /// <summary>A peer was removed.</summary>
    public abstract void OnRemoved(Peer peer);

    /// <summary>
    /// Whether a handshake message can be sent to the peer now; if not, whatever can be done about it is begun.
    /// </summary>
    public abstract bool TryReach(Peer peer);

    /// <summary>The peer did not answer: the path to it may be the reason.</summary>
    /// <param name="peer">The silent one.</param>
    /// <param name="isHandshake">Whether it was an initiation that was not answered, rather than data.</param>
    public abstract void OnSilence(Peer peer, bool isHandshake);

    /// <summary>
    /// No handshake with the peer has completed within REKEY_ATTEMPT_TIME: nothing more is tried until there is something to
    /// send.
    /// </summary>
    public virtual void OnAbandoned(Peer peer)
    {
    }

    /// <summary>Sends a handshake message to a peer that can be reached.</summary>
    public abstract void SendHandshake(Peer peer, ReadOnlySpan<byte> message);

    /// <summary>Answers a handshake message where it came from.</summary>
    public abstract void Answer(Destination from, ReadOnlySpan<byte> message);

    /// <summary>An authentic handshake message of the peer came from there.</summary>
    public abstract void OnAuthenticated(Peer peer, Destination from);

    /// <summary>An authentic datagram of the peer came from there.</summary>
    public virtual void OnRoamed(Peer peer, UdpDestination to)
    {
    }

    /// <summary>Routes, rules or addresses may have changed: messages to the peer may need another path.</summary>
    public virtual void OnRoutesChanged(Peer peer)
    {
    }

    /// <summary>
    /// When <see cref="OnDeadline"/> is next to be called for the peer; <see cref="PeerTimers.Never"/> if nothing waits.
    /// </summary>
    public virtual long NextDeadline(Peer peer) => PeerTimers.Never;

    /// <summary>Does what is due for the peer.</summary>
    public virtual void OnDeadline(Peer peer)
    {
    }

    /// <summary>The peer has said HELLO under a keypair in use.</summary>
    public virtual void OnHello(Peer peer)
    {
    }

    /// <summary>Our private key has changed.</summary>
    /// <param name="local">Its public half; null when we have none.</param>
    /// <param name="peers">All there are.</param>
    public virtual void OnPrivateKeySet(PublicKey? local, IEnumerable<Peer> peers)
    {
    }

    /// <summary>Lanes have news of a connection.</summary>
    public virtual void OnSignals(StreamConnection connection)
    {
    }

    /// <summary>Called once a second: for what no deadline tells of.</summary>
    public virtual void Sweep()
    {
    }
}

/// <summary>What a <see cref="Network"/> tells of peers, for their sessions to follow. Control only.</summary>
internal interface INetworkEvents
{
    /// <summary>A connection to the peer was made: a handshake is to be sent on it.</summary>
    void OnReached(Peer peer);

    /// <summary>The peer has a connection to send on again.</summary>
    void OnReachable(Peer peer);

    /// <summary>The peer is not reached at its endpoint: no connection comes about, or an initiation was not answered.</summary>
    void OnUnreached(Peer peer);

    /// <summary>What goes to the peer leaves from another address of ours from now on.</summary>
    void OnMoved(Peer peer);

    /// <summary>What <see cref="Network.NextDeadline"/> says of the peer may be another time now.</summary>
    void OnDeadlineMoved(Peer peer);
}
