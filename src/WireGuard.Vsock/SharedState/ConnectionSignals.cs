namespace WireGuard.Vsock.SharedState;

/// <summary>What the lanes tell control of a connection.</summary>
[Flags]
internal enum ConnectionSignals
{
    None = 0,

    /// <summary>A peer authenticated on it that had not before, or whose messages go elsewhere.</summary>
    Authenticated = 1,

    /// <summary>With the newest counter of the newest keypair: messages to it are to go on this connection.</summary>
    Newest = 4,

    /// <summary>The peer asks for an answer on it.</summary>
    Asked = 8,

    /// <summary>It ended, broke, or carried what is no frame.</summary>
    Failed = 2,
}
