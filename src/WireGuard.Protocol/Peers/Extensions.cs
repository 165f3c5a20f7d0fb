namespace WireGuard.Protocol.Peers;

/// <summary>How a HELLO that is received is treated.</summary>
internal enum Extensions
{
    /// <summary>As any packet, which then is no IP packet: over datagrams there is no HELLO.</summary>
    None,

    /// <summary>It is dropped: we do not say HELLO either.</summary>
    Ignored,

    /// <summary>What it says is noted.</summary>
    Heeded,
}
