using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// What a lane has carried, by network, and what it dropped, by reason. Written by its thread alone, read by any: a stale number
/// does no harm.
/// </summary>
internal sealed class RelayCounters
{
    private const int Networks = (int)NetworkKind.Unix + 1;

    private readonly long[] _receivedMessages = new long[Networks];
    private readonly long[] _receivedBytes = new long[Networks];
    private readonly long[] _sentMessages = new long[Networks];
    private readonly long[] _sentBytes = new long[Networks];
    private readonly long[] _drops = new long[RelayDrops.Count];
    private long _failedDials;
    private int _links;

    /// <summary>Attempts to connect that failed.</summary>
    public long FailedDials => Volatile.Read(ref _failedDials);

    /// <summary>Links now.</summary>
    public int Links => Volatile.Read(ref _links);

    public long Dropped(RelayDrop reason) => Volatile.Read(ref _drops[(int)reason]);

    public (long Messages, long Bytes) Received(NetworkKind network) =>
        (Volatile.Read(ref _receivedMessages[(int)network]), Volatile.Read(ref _receivedBytes[(int)network]));

    public (long Messages, long Bytes) Sent(NetworkKind network) =>
        (Volatile.Read(ref _sentMessages[(int)network]), Volatile.Read(ref _sentBytes[(int)network]));

    /// <param name="bytes">Of messages, without frames' headers. Of a raw stream no messages are counted.</param>
    public void CountReceived(NetworkKind network, int messages, long bytes)
    {
        _receivedMessages[(int)network] += messages;
        _receivedBytes[(int)network] += bytes;
    }

    /// <param name="bytes">As received ones are counted.</param>
    public void CountSent(NetworkKind network, int messages, long bytes)
    {
        _sentMessages[(int)network] += messages;
        _sentBytes[(int)network] += bytes;
    }

    public void CountDropped(RelayDrop reason, long count = 1) => _drops[(int)reason] += count;

    public void CountFailedDial() => _failedDials++;

    public void CountLinks(int change) => _links += change;
}
