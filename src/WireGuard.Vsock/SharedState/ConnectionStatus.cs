using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <summary>One connection of a peer over streams, as <c>status</c> tells of it.</summary>
/// <param name="Address">The far end's, as it was dialled, or as it called.</param>
/// <param name="IsDialed">Whether we dialled it, rather than accepted.</param>
/// <param name="Use">What goes on it.</param>
/// <param name="AgeSeconds">Since it came about.</param>
/// <param name="Reconnects">How many connections with the peer stood in its place before, one after the other.</param>
/// <param name="RxBytes">Read from its socket, frames' headers and all.</param>
/// <param name="TxBytes">Written to its socket.</param>
/// <param name="QueuedBytes">Waiting for its socket.</param>
internal sealed record ConnectionStatus(
    EndpointAddress Address,
    bool IsDialed,
    ConnectionUse Use,
    long AgeSeconds,
    int Reconnects,
    long RxBytes,
    long TxBytes,
    long QueuedBytes);

/// <summary>What a peer's connections come to.</summary>
/// <param name="Connections">Those on which it has authenticated.</param>
/// <param name="Reconnects">How often one has taken the place of one that had ended, since the peer was added.</param>
/// <param name="QueuedBytes">Waiting for their sockets.</param>
/// <param name="DroppedFrames">Dropped by those that are open, since their queues were full.</param>
internal readonly record struct StreamTotals(int Connections, long Reconnects, long QueuedBytes, long DroppedFrames);

/// <summary>What goes on a connection of a peer.</summary>
internal enum ConnectionUse
{
    /// <summary>Messages to the peer go on it, and handshakes.</summary>
    Current,

    /// <summary>Messages to the peer go on it too, beside the current one.</summary>
    Used,

    /// <summary>Nothing, now: it was superseded, does not answer, or has not won its place yet.</summary>
    Unused,
}
