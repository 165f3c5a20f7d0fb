namespace WireGuard.Vsock.Relay;

/// <summary>Why a relay did not carry a message. Each is a counter.</summary>
internal enum RelayDrop
{
    /// <summary>A datagram that is no WireGuard message: an unknown type, or not the length of its type.</summary>
    NotAMessage,

    /// <summary>Longer than a datagram may be: 9,200 bytes.</summary>
    TooLong,

    /// <summary>An initiation for no known key, or a message with a receiver index that no known enclave gave out.</summary>
    NoRoute,

    /// <summary>An initiation past its source's 20 a second, or a new source of a known index past that index's few.</summary>
    RateLimited,

    /// <summary>An initiation that was answered with a cookie.</summary>
    Cookie,

    /// <summary>A new near end past the limits of connections, in all or by source.</summary>
    TooManyConnections,

    /// <summary>The stream that it was for is full.</summary>
    QueueFull,

    /// <summary>The kernel did not take a datagram.</summary>
    NotSent,

    /// <summary>The far end could not be reached, or its name not be resolved.</summary>
    NoConnection,
}

/// <summary>Names of the reasons.</summary>
internal static class RelayDrops
{
    internal const int Count = (int)RelayDrop.NoConnection + 1;

    extension(RelayDrop reason)
    {
        /// <summary>The label in metrics and logs.</summary>
        internal string Word => reason switch
        {
            RelayDrop.NotAMessage => "not_a_message",
            RelayDrop.TooLong => "too_long",
            RelayDrop.NoRoute => "no_route",
            RelayDrop.RateLimited => "rate_limited",
            RelayDrop.Cookie => "cookie",
            RelayDrop.TooManyConnections => "too_many_connections",
            RelayDrop.QueueFull => "queue_full",
            RelayDrop.NotSent => "not_sent",
            RelayDrop.NoConnection => "no_connection",
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
        };
    }
}
