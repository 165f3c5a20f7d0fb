using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>A peer and its connections: what the network over streams keeps of it. Control only.</summary>
internal sealed class StreamPeer : IPeerView
{
    private readonly StreamNetwork _network;

    /// <param name="peer">The peer.</param>
    /// <param name="network">To which it belongs.</param>
    /// <param name="streams">How many connections are dialled, with the first.</param>
    public StreamPeer(Peer peer, StreamNetwork network, int streams)
    {
        (Peer, _network) = (peer, network);
        Connections = new PeerConnections(this, streams, Random.Shared);
    }

    public Peer Peer { get; }

    public PeerConnections Connections { get; }

    /// <summary>
    /// When a connection was given up because its route chose another source address: which it had, and which was chosen. If a
    /// later one has it again, dialling does not help.
    /// </summary>
    public (UInt128 Used, UInt128 Chosen, long AtMs) Moved { get; set; }

    /// <summary>Why the socket could not be connected that has just failed; null if it was connected.</summary>
    public string? ConnectProblem { get; set; }

    /// <summary>Whether it was dialled by the transport to the host, without its endpoint's saying so.</summary>
    public bool HasTriedToHost { get; set; }

    // Port 0 cannot be dialled: `get` shows it for a peer that connected to us, and a saved configuration may bring it back.
    public bool CanBeDialed => !Peer.IsRemoved && Peer.Endpoint is { Port: not 0 };

    public bool KeepsDialed =>
        _network.LocalKey is { } local && local.Bytes.SequenceCompareTo(Peer.PublicKey.Bytes) < 0;

    public bool HasStaged => !Peer.Staged.IsEmpty;

    public bool IsInUse(long nowMs) => Peer.IsInUse(nowMs);

    public bool TakesSeveral(long nowMs) => _network.SaysHello && Peer.RemoteHello(nowMs) is not null;

    public bool Answers(long nowMs) => Peer.RemoteHello(nowMs) is { Answers: true };
}
