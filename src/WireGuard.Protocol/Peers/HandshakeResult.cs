using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Peers;

/// <summary>What has become of a handshake message, whose it is, and what is to be sent back.</summary>
public readonly ref struct HandshakeResult<TPeer>
    where TPeer : WireGuardPeer
{
    /// <summary>What has become of it.</summary>
    public HandshakeOutcome Outcome { get; internal init; }

    /// <summary>
    /// The peer that sent it, or that it names (<see cref="HandshakeOutcome.InitiationNotAuthentic"/>); null if there is none.
    /// </summary>
    public TPeer? Peer { get; internal init; }

    /// <summary>What to send back to where it came from, in the caller's buffer; empty for silence.</summary>
    public Span<byte> Reply { get; internal init; }

    /// <summary>Of <see cref="HandshakeOutcome.InitiatorUnknown"/>: the key that it names.</summary>
    public PublicKey Initiator { get; internal init; }

    /// <summary>Of <see cref="HandshakeOutcome.InitiationTooSoon"/>: how many ms after the last it came.</summary>
    public long SinceMs { get; internal init; }

    /// <summary>Of <see cref="HandshakeOutcome.InitiationOld"/>: how far its timestamp is behind the newest.</summary>
    public double SecondsBehind { get; internal init; }
}
