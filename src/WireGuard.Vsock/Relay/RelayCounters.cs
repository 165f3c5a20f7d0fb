using System.Globalization;
using System.Text;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// What a lane has carried, by network, and what it dropped, by reason. Written by its thread alone, read by any: a stale number
/// does no harm. Sent is what was handed to a socket, or to the queue of a stream that is connected: what is there when it ends
/// is lost, as what the kernel still has.
/// </summary>
internal sealed class RelayCounters
{
    /// <summary>The networks that a relay knows.</summary>
    public static readonly NetworkKind[] Networks = [NetworkKind.Vsock, NetworkKind.Tcp, NetworkKind.Udp, NetworkKind.Unix];

    private const int NetworkCount = (int)NetworkKind.Unix + 1;

    private readonly long[] _receivedMessages = new long[NetworkCount];
    private readonly long[] _receivedBytes = new long[NetworkCount];
    private readonly long[] _sentMessages = new long[NetworkCount];
    private readonly long[] _sentBytes = new long[NetworkCount];
    private readonly long[] _drops = new long[RelayDrops.Count];
    private long _failedDials;
    private int _links;

    /// <summary>Attempts to connect that failed.</summary>
    public long FailedDials => Volatile.Read(ref _failedDials);

    /// <summary>Links now.</summary>
    public int Links => Volatile.Read(ref _links);

    public long ReceivedMessages(NetworkKind network) => Volatile.Read(ref _receivedMessages[(int)network]);

    /// <summary>Bytes of messages, without frames' headers, and of raw streams, of which no messages are counted.</summary>
    public long ReceivedBytes(NetworkKind network) => Volatile.Read(ref _receivedBytes[(int)network]);

    public long SentMessages(NetworkKind network) => Volatile.Read(ref _sentMessages[(int)network]);

    /// <summary>As <see cref="ReceivedBytes"/>.</summary>
    public long SentBytes(NetworkKind network) => Volatile.Read(ref _sentBytes[(int)network]);

    public long Dropped(RelayDrop reason) => Volatile.Read(ref _drops[(int)reason]);

    public void CountReceived(NetworkKind network, int messages, long bytes)
    {
        _receivedMessages[(int)network] += messages;
        _receivedBytes[(int)network] += bytes;
    }

    public void CountSent(NetworkKind network, int messages, long bytes)
    {
        _sentMessages[(int)network] += messages;
        _sentBytes[(int)network] += bytes;
    }

    public void CountDropped(RelayDrop reason, long count = 1) => _drops[(int)reason] += count;

    public void CountFailedDial() => _failedDials++;

    public void CountLinks(int change) => _links += change;

    /// <summary>Adds another lane's to these.</summary>
    public void Add(RelayCounters other)
    {
        Add(_receivedMessages, other._receivedMessages);
        Add(_receivedBytes, other._receivedBytes);
        Add(_sentMessages, other._sentMessages);
        Add(_sentBytes, other._sentBytes);
        Add(_drops, other._drops);
        _failedDials += other.FailedDials;
        _links += other.Links;
    }

    /// <summary>
    /// In a line: 3 links; received udp 12 messages, 1500 bytes; sent tcp 12 messages, 1500 bytes; dropped: 2 no_route.
    /// </summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Links} links");
        Append(text, "received", _receivedMessages, _receivedBytes);
        Append(text, "sent", _sentMessages, _sentBytes);
        string word = "; dropped: ";
        for (RelayDrop reason = 0; (int)reason < RelayDrops.Count; reason++)
        {
            if (Dropped(reason) is var count && count == 0)
                continue;
            text.Append(CultureInfo.InvariantCulture, $"{word}{count} {reason.Word}");
            word = ", ";
        }

        if (FailedDials != 0)
            text.Append(CultureInfo.InvariantCulture, $"; {FailedDials} attempts to connect failed");
        return text.ToString();
    }

    private static void Append(StringBuilder text, string word, long[] messages, long[] bytes)
    {
        foreach (NetworkKind network in Networks)
        {
            if (bytes[(int)network] is var some && some != 0)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"; {word} {network.Word} {messages[(int)network]} messages, {some} bytes");
            }
        }
    }

    private static void Add(long[] sums, long[] more)
    {
        for (int i = 0; i < sums.Length; i++)
            sums[i] += Volatile.Read(ref more[i]);
    }
}
