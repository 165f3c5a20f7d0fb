using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>The relay's metrics, all of which begin with wireguard_vsock_relay_. Control only.</summary>
internal sealed class RelayMetrics(Func<RelayCounters> summary, Admission admission)
{
    private readonly long _startSeconds = Now();

    public void Write(MetricsText text)
    {
        RelayCounters now = summary();
        Write(text, "wireguard_vsock_relay_received_messages_total"u8, "WireGuard messages received, by network."u8,
            now.ReceivedMessages);
        Write(text, "wireguard_vsock_relay_received_bytes_total"u8, "Bytes of messages and raw streams received, by network."u8,
            now.ReceivedBytes);
        Write(text, "wireguard_vsock_relay_sent_messages_total"u8, "WireGuard messages sent, by network."u8,
            now.SentMessages);
        Write(text, "wireguard_vsock_relay_sent_bytes_total"u8, "Bytes of messages and raw streams sent, by network."u8,
            now.SentBytes);
        text.Begin("wireguard_vsock_relay_dropped_messages_total"u8, MetricsType.Counter, "Messages dropped, by reason."u8);
        for (RelayDrop reason = 0; (int)reason < RelayDrops.Count; reason++)
            text.Label("reason"u8, reason.Word).Value(now.Dropped(reason));
        text.Begin("wireguard_vsock_relay_failed_dials_total"u8, MetricsType.Counter, "Attempts to connect that failed."u8);
        text.Value(now.FailedDials);
        text.Begin("wireguard_vsock_relay_links"u8, MetricsType.Gauge, "Sources and accepted streams that are served."u8);
        text.Value(now.Links);
        text.Begin("wireguard_vsock_relay_unanswered_links"u8, MetricsType.Gauge, "Those that no far end has answered yet."u8);
        text.Value(admission.UnansweredCount);
        text.Begin("wireguard_vsock_relay_start_time_seconds"u8, MetricsType.Gauge, "Unix time at which the relay began."u8);
        text.Value(_startSeconds);
    }

    private static void Write(
        MetricsText text, ReadOnlySpan<byte> name, ReadOnlySpan<byte> help, Func<NetworkKind, long> value)
    {
        text.Begin(name, MetricsType.Counter, help);
        foreach (NetworkKind network in RelayCounters.Networks)
            text.Label("network"u8, network.Word).Value(value(network));
    }

    private static long Now()
    {
        Sys.RealTime(out long seconds, out _);
        return seconds;
    }
}
