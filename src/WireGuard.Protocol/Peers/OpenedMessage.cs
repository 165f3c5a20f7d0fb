namespace WireGuard.Protocol.Peers;

/// <summary>A transport message that is authentic and no replay.</summary>
public readonly ref struct OpenedMessage
{
    /// <summary>What was sealed, in its place in the message, with its padding: a multiple of 16 bytes, mostly.</summary>
    public Span<byte> Payload { get; internal init; }

    /// <summary>What that is.</summary>
    internal PayloadKind Kind { get; init; }

    /// <summary>What the message leaves to be done.</summary>
    public PeerNews News { get; internal init; }

    /// <summary>
    /// Whether its counter is the newest of its session: then the path it came by is where the peer is now.
    /// </summary>
    public bool IsNewest { get; internal init; }

    /// <summary>Of a HELLO that is heeded: the connection it came on is one more beside the peer's others.</summary>
    internal bool Joins { get; init; }

    /// <summary>Of a HELLO that joins: an answer is to go out on the same connection.</summary>
    internal bool Asks { get; init; }
}
