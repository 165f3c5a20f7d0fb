namespace WireGuard.Vsock.Commands;

/// <summary>What the device's counters mean, in words (docs/protocol.md, "Counters").</summary>
internal static class DropWords
{
    /// <summary>What was dropped and why, after "N times"; null for a counter of something else.</summary>
    public static string? Of(string counter) => counter switch
    {
        "not_an_ip_packet" => "to send, but no IP packet",
        "no_peer_for_packet" => "to send, but no peer has the destination among its allowed IPs",
        "too_long" => "to send, but longer than a message can carry: the MTU is too large",
        "not_sent" => "to send, but the network did not take it",
        "not_a_message" => "received, but no WireGuard message, or a handshake for another public key",
        "unknown_receiver" => "received, but for a session that is not known here",
        "not_authentic" => "received, but forged, replayed, or of a session that has ended",
        "source_not_allowed" => "received, but from an address that is not among the peer's allowed IPs",
        "congestion_unheard" => "received, but marked with congestion, and its sender does not know such marks",
        "routing_loop" => "to send, but one of our own messages: a route leads them back into the interface",
        "bad_superpacket" => "received, but a superpacket that is malformed or was not asked for",
        "not_written" => "received, but the interface did not take it",
        "handshake_queue_full" => "received, but more handshakes than may wait",
        "refused_connections" => "connections closed: too many on which no peer had authenticated",
        _ => null,
    };
}
