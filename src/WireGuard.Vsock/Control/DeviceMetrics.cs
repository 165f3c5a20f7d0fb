using System.Collections;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>
/// A daemon's metrics. Those of WireGuard have the names and labels of prometheus_wireguard_exporter, for which there are charts;
/// the others begin with wireguard_vsock_. Control only.
/// </summary>
internal sealed class DeviceMetrics
{
    private static readonly PeerSeries[] OfPeers =
    [
        new("wireguard_sent_bytes_total"u8, MetricsType.Counter, "Bytes sent to the peer, in WireGuard messages."u8,
            (_, peer) => peer.SentBytes),
        new("wireguard_received_bytes_total"u8, MetricsType.Counter, "Bytes received from the peer, in WireGuard messages."u8,
            (_, peer) => peer.ReceivedBytes),
        new("wireguard_latest_handshake_seconds"u8, MetricsType.Gauge, "Unix time of the last handshake, 0 for never."u8,
            (_, peer) => peer.LastHandshake.Seconds),
        new("wireguard_vsock_peer_has_session"u8, MetricsType.Gauge, "Whether there is a session that can be sent in."u8,
            (metrics, peer) => metrics._configurator.HasSession(peer) ? 1 : 0),
        new("wireguard_vsock_peer_keepalive_seconds"u8, MetricsType.Gauge, "PersistentKeepalive, 0 for off."u8,
            (_, peer) => peer.PersistentKeepaliveMs / 1000),
        new("wireguard_vsock_peer_handshakes_total"u8, MetricsType.Counter, "Handshakes that were completed."u8,
            (_, peer) => peer.Handshakes),
        new("wireguard_vsock_peer_dropped_packets_total"u8, MetricsType.Counter, "Packets to the peer that were dropped."u8,
            (metrics, peer) => metrics._configurator.DroppedPackets(peer)),
        new("wireguard_vsock_peer_connections"u8, MetricsType.Gauge, "Stream connections with the peer."u8,
            (metrics, peer) => metrics._network.TotalsOf(peer).Connections),
        new("wireguard_vsock_peer_reconnects_total"u8, MetricsType.Counter,
            "Stream connections that have taken the place of one that had ended."u8,
            (metrics, peer) => metrics._network.TotalsOf(peer).Reconnects),
        new("wireguard_vsock_peer_queued_bytes"u8, MetricsType.Gauge, "Bytes that wait for the peer's connections."u8,
            (metrics, peer) => metrics._network.TotalsOf(peer).QueuedBytes),
        new("wireguard_vsock_peer_attested_timestamp_seconds"u8, MetricsType.Gauge,
            "Unix time at which the peer was attested, 0 for a key without a document; of learned peers only."u8,
            (_, peer) => peer.Note is { Attest: not null } note ? note.AttestedAt : null),
    ];

    private readonly Device _device;
    private readonly Network _network;
    private readonly Configurator _configurator;
    private readonly IReadOnlyList<Lane> _lanes;
    private readonly DaemonOptions _options;
    private readonly Func<string> _interfaceName;
    private readonly long _startSeconds;

    public DeviceMetrics(
        Device device,
        Network network,
        Configurator configurator,
        IReadOnlyList<Lane> lanes,
        DaemonOptions options,
        Func<string> interfaceName)
    {
        (_device, _network, _configurator, _lanes, _options) = (device, network, configurator, lanes, options);
        _interfaceName = interfaceName;
        Interop.Sys.RealTime(out _startSeconds, out _);
    }

    /// <summary>Writes all families. Yields after each peer's samples, where the answer so far may be sent.</summary>
    public IEnumerator Write(MetricsText text)
    {
        string name = _interfaceName();
        WriteDevice(text, name);
        yield return null;
        // Peers come and go while a long answer is read.
        Peer[] peers = [.. _device.Peers.Values];
        bool showsAllowedIps = _options.Service.MetricsAllowedIps == true;
        foreach (PeerSeries series in OfPeers)
        {
            text.Begin(series.Name, series.Type, series.Help);
            foreach (Peer peer in peers)
            {
                if (peer.IsRemoved || series.Value(this, peer) is not { } value)
                    continue;
                text.Label("interface"u8, name).LabelBase64("public_key"u8, peer.PublicKey.Bytes);
                if (series.IsOfWireGuard && showsAllowedIps)
                    text.Label("allowed_ips"u8, string.Join(',', _device.AllowedIpsOf(peer)));
                text.Value(value);
                yield return null;
            }
        }
    }

    private void WriteDevice(MetricsText text, string name)
    {
        text.Begin("wireguard_vsock_build_info"u8, MetricsType.Gauge, "Always 1; what runs is in the labels."u8);
        text.Label("interface"u8, name).Label("version"u8, Configurator.Version).Label("network"u8, _options.Network.Word)
            .Value(1);
        text.Begin("wireguard_vsock_start_time_seconds"u8, MetricsType.Gauge, "Unix time at which the daemon was started."u8);
        text.Label("interface"u8, name).Value(_startSeconds);
        text.Begin("wireguard_vsock_up"u8, MetricsType.Gauge, "Whether the interface is up."u8);
        text.Label("interface"u8, name).Value(_device.IsUp ? 1 : 0);
        text.Begin("wireguard_vsock_listening"u8, MetricsType.Gauge, "Whether a port is listened on."u8);
        text.Label("interface"u8, name).Value(_network.Port != 0 ? 1 : 0);
        text.Begin("wireguard_vsock_peers"u8, MetricsType.Gauge, "Peers that are configured."u8);
        text.Label("interface"u8, name).Value(_device.Peers.Count);
        text.Begin("wireguard_vsock_awaited_peers"u8, MetricsType.Gauge, "Peers yet to be attested, or to be attested anew."u8);
        text.Label("interface"u8, name).Value(_device.Notes.Awaited.Count);
        WriteCounters(text, name);
        text.Begin("wireguard_vsock_lane_busy_seconds_total"u8, MetricsType.Counter,
            "Seconds in which the lane, a thread that carries packets, had something to do; 1 a second is all it can."u8);
        for (int i = 0; i < _lanes.Count; i++)
            text.Label("interface"u8, name).Label("lane"u8, i).Seconds(_lanes[i].BusyUs);
    }

    private void WriteCounters(MetricsText text, string name)
    {
        text.Begin("wireguard_vsock_drops_total"u8, MetricsType.Counter, "Packets and messages that were dropped, by reason."u8);
        foreach (Counter counter in _configurator.Drops())
            text.Label("interface"u8, name).Label("reason"u8, counter.Name).Value(counter.Value);
        text.Begin("wireguard_vsock_refused_connections_total"u8, MetricsType.Counter,
            "Unauthenticated connections that were closed since there were too many."u8);
        text.Label("interface"u8, name).Value(_network.RefusedConnections);
        text.Begin("wireguard_vsock_garbage_collections_total"u8, MetricsType.Counter, "Collections of the runtime's heap."u8);
        text.Label("interface"u8, name).Value(GC.CollectionCount(0));
    }

    /// <summary>A family with a sample for each peer.</summary>
    private sealed class PeerSeries(
        ReadOnlySpan<byte> name, MetricsType type, ReadOnlySpan<byte> help, Func<DeviceMetrics, Peer, long?> value)
    {
        public byte[] Name { get; } = name.ToArray();

        public bool IsOfWireGuard { get; } = !name.StartsWith("wireguard_vsock_"u8);

        public MetricsType Type { get; } = type;

        public byte[] Help { get; } = help.ToArray();

        public Func<DeviceMetrics, Peer, long?> Value { get; } = value;
    }
}
