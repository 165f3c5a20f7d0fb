namespace WireGuard.Vsock.Streams;

/// <summary>What is to be done with a connection of a peer, at its time.</summary>
internal enum StreamTask
{
    None,

    /// <summary>It is to prove that it leads to the peer: an answer on it is to be asked for.</summary>
    Ask,

    /// <summary>It was superseded, and nothing newer has come in on it since.</summary>
    CloseSuperseded,

    /// <summary>The answer on it has not come.</summary>
    CloseSilent,
}
