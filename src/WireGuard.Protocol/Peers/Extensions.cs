namespace WireGuard.Protocol.Peers;

/// <summary>What becomes of a HELLO that comes in.</summary>
internal enum Extensions
{
    /// <summary>It is no HELLO but a packet that is no IP packet: there are none over datagrams.</summary>
    None,

    /// <summary>It is dropped: we say none, so we heed none.</summary>
    Ignored,

    /// <summary>It is heeded.</summary>
    Heeded,
}
