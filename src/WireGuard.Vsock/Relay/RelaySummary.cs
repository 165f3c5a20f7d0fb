using System.Globalization;
using System.Text;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>The counters of all lanes, added up.</summary>
internal sealed class RelaySummary
{
    /// <summary>The networks that a relay knows.</summary>
    public static readonly NetworkKind[] Networks = [NetworkKind.Vsock, NetworkKind.Tcp, NetworkKind.Udp, NetworkKind.Unix];

    private readonly List<RelayCounters> _counters;

    private RelaySummary(IEnumerable<RelayCounters> counters) => _counters = [.. counters];

    public int Links => _counters.Sum(counters => counters.Links);

    public long FailedDials => _counters.Sum(counters => counters.FailedDials);

    public static RelaySummary Of(IEnumerable<RelayCounters> counters) => new(counters);

    public long Dropped(RelayDrop reason) => _counters.Sum(counters => counters.Dropped(reason));

    public (long Messages, long Bytes) Received(NetworkKind network) => Sum(counters => counters.Received(network));

    public (long Messages, long Bytes) Sent(NetworkKind network) => Sum(counters => counters.Sent(network));

    /// <summary>
    /// In a line: 3 links; received udp 12 messages, 1500 bytes; sent tcp 12 messages, 1500 bytes; dropped: 2 no_route.
    /// </summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Links} links");
        Append(text, "received", Received);
        Append(text, "sent", Sent);
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

    private (long Messages, long Bytes) Sum(Func<RelayCounters, (long Messages, long Bytes)> of) =>
        (_counters.Sum(counters => of(counters).Messages), _counters.Sum(counters => of(counters).Bytes));

    private static void Append(StringBuilder text, string word, Func<NetworkKind, (long Messages, long Bytes)> of)
    {
        foreach (NetworkKind network in Networks)
        {
            (long messages, long bytes) = of(network);
            if (bytes != 0)
                text.Append(CultureInfo.InvariantCulture, $"; {word} {network.Word} {messages} messages, {bytes} bytes");
        }
    }
}
