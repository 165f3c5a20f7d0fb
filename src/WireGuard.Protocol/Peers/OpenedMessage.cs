namespace WireGuard.Protocol.Peers;

/// <summary>What an authentic transport message, which is no replay, contained.</summary>
public readonly ref struct OpenedMessage
{
    /// <summary>
    /// The opened bytes, in their place in the message: nothing for a keepalive, else an inner packet and its padding. The
    /// packet's own header says its length; its source address is for the caller to check.
    /// </summary>
    public Span<byte> Payload { get; internal init; }

    /// <summary>What the payload is.</summary>
    internal PayloadKind Kind { get; init; }

    /// <summary>What the owner thread has to do now.</summary>
    public PeerNews News { get; internal init; }

    /// <summary>
    /// Whether its counter is the highest of its session so far: then the peer is where it came from, as far as is known.
    /// </summary>
    public bool IsNewest { get; internal init; }

    /// <summary>It is a HELLO: the connection it came on joins the peer's others.</summary>
    internal bool Joins { get; init; }

    /// <summary>It is a HELLO that joins, and asks for an answer on the same connection.</summary>
    internal bool Asks { get; init; }
}
