namespace WireGuard.Vsock.SharedState;

/// <summary>What a <see cref="Network"/> tells of peers, for their sessions to follow. Control only.</summary>
internal interface INetworkEvents
{
    /// <summary>A connection to the peer was made: a handshake is to be sent on it.</summary>
    void OnReached(Peer peer);

    /// <summary>The peer has a connection to send on again.</summary>
    void OnReachable(Peer peer);

    /// <summary>What goes to the peer leaves from another address of ours from now on.</summary>
    void OnMoved(Peer peer);

    /// <summary>What <see cref="Network.NextDeadline"/> says of the peer may be another time now.</summary>
    void OnDeadlineMoved(Peer peer);
}
