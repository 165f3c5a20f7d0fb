namespace WireGuard.Daemon.Transport;

/// <summary>What the lanes tell control of a connection.</summary>
[Flags]
internal enum ConnectionSignals
{
    None = 0,

    /// <summary>A peer authenticated on it that had not before, or whose messages go elsewhere.</summary>
    Authenticated = 1,

    /// <summary>It ended, broke, or carried what is no frame.</summary>
    Failed = 2,
}
