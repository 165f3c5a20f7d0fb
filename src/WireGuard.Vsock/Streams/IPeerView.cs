namespace WireGuard.Vsock.Streams;

/// <summary>What <see cref="PeerConnections"/> asks about its peer: settings and session, which others keep.</summary>
internal interface IPeerView
{
    /// <summary>Whether there is an endpoint to dial.</summary>
    bool CanBeDialed { get; }

    /// <summary>Of two connections that have crossed, whether the one stays that we dialled: our public key is smaller.</summary>
    bool KeepsDialed { get; }

    /// <summary>Whether a packet waits for a connection.</summary>
    bool HasStaged { get; }

    /// <summary>Whether a session lasts and was in use lately: the far end may have something to send.</summary>
    bool IsInUse(long nowMs);

    /// <summary>Whether the session allows several connections: both ends have said HELLO.</summary>
    bool TakesSeveral(long nowMs);

    /// <summary>Whether the peer answers when it is asked to on a connection.</summary>
    bool Answers(long nowMs);
}
