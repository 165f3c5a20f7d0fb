using System.Collections;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Control;

public sealed class DeviceMetricsTests : IDisposable
{
    private readonly NoNetwork _network = new();
    private readonly ControlParts _parts;
    private readonly Peer[] _peers;

    public DeviceMetricsTests()
    {
        _parts = new ControlParts(_network);
        _peers = [.. Enumerable.Range(1, 3).Select(n => _parts.Device.Add(new PublicKey([.. Enumerable.Repeat((byte)n, 32)])))];
        Assert.True(IpPrefix.TryParse("10.0.0.1/32", out IpPrefix first));
        Assert.True(IpPrefix.TryParse("fd00::/64", out IpPrefix second));
        _parts.Device.AddAllowedIp(_peers[0], first);
        _parts.Device.AddAllowedIp(_peers[0], second);
    }

    public void Dispose() => _parts.Dispose();

    [Fact]
    public void What_is_charted_elsewhere_has_its_name_and_labels()
    {
        _peers[0].CountSent(148);
        _peers[0].CountReceived(92);
        _peers[0].LastHandshake = (1_795_000_000, 5);
        string text = Text();
        string labels = $"{{interface=\"wg0\",public_key=\"{KeyOf(0)}\"}}";
        Assert.Contains($"\nwireguard_sent_bytes_total{labels} 148\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nwireguard_received_bytes_total{labels} 92\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nwireguard_latest_handshake_seconds{labels} 1795000000\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Allowed_ips_are_a_label_of_those_if_asked_for()
    {
        Assert.DoesNotContain("allowed_ips", Text(), StringComparison.Ordinal);
        string text = Text(showsAllowedIps: true);
        Assert.Contains(
            $"public_key=\"{KeyOf(0)}\",allowed_ips=\"10.0.0.1/32,fd00::/64\"}} 0", text, StringComparison.Ordinal);
        Assert.Equal(3 * _peers.Length, text.Split("allowed_ips=").Length - 1);
    }

    [Fact]
    public void Every_reason_to_drop_is_a_label()
    {
        _parts.Counters[0].Count(DropReason.NotAuthentic, 2);
        _parts.Counters[1].Count(DropReason.NotAuthentic, 3);
        string text = Text();
        Assert.Contains("{interface=\"wg0\",reason=\"not_authentic\"} 5\n", text, StringComparison.Ordinal);
        Assert.Equal(
            Enum.GetValues<DropReason>().Length, text.Split("wireguard_vsock_drops_total{").Length - 1);
    }

    [Fact]
    public void A_handshake_is_counted()
    {
        Handshakes.NoteComplete(_peers[1]);
        string family = FamilyOf("wireguard_vsock_peer_handshakes_total");
        Assert.Contains($"public_key=\"{KeyOf(1)}\"}} 1\n", family, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_learned_is_told_of_learned_peers_alone()
    {
        _peers[1].Note = new PeerNote { Attest = "vsock:16:51821", AttestedAt = 1_795_000_000 };
        _peers[2].Note = new PeerNote { ProvisionedAt = 1_795_000_000 };
        _parts.Device.Notes = new DeviceNotes { Awaited = [new AwaitedPeer("vsock:17:51821", "no answer yet")] };
        string family = FamilyOf("wireguard_vsock_peer_attested_timestamp_seconds");
        Assert.Contains($"public_key=\"{KeyOf(1)}\"}} 1795000000\n", family, StringComparison.Ordinal);
        Assert.Equal(2, family.Split("{").Length);
        Assert.Contains("\nwireguard_vsock_awaited_peers{interface=\"wg0\"} 1\n", Text(), StringComparison.Ordinal);
    }

    /// <summary>A long answer takes a while, in which peers come and go.</summary>
    [Fact]
    public void A_peer_that_is_removed_meanwhile_is_left_out()
    {
        MetricsText text = new();
        IEnumerator writing = Metrics().Write(text);
        Assert.True(writing.MoveNext());
        Assert.True(writing.MoveNext());
        _peers[2].IsRemoved = true;
        while (writing.MoveNext())
        {
        }

        Assert.DoesNotContain(KeyOf(2), Encoding.UTF8.GetString(text.Written), StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_of_peers_allocate_next_to_nothing()
    {
        MetricsText text = new();
        void Write()
        {
            text.Cut(0);
            IEnumerator writing = Metrics().Write(text);
            while (writing.MoveNext())
            {
            }
        }

        for (int n = 10; n < 210; n++)
            _parts.Device.Add(new PublicKey([.. Enumerable.Repeat((byte)n, 32)]));
        Write();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Write();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16_000);
    }

    private static DaemonOptions Options(bool showsAllowedIps) =>
        new(NetworkKind.Tcp, Lanes: 1, Streams: 1, Superpackets: true, UdpOffloads.None)
        {
            Service = new ServiceOptions { MetricsAllowedIps = showsAllowedIps },
        };

    private string KeyOf(int peer) => Convert.ToBase64String(_peers[peer].PublicKey.Bytes);

    private DeviceMetrics Metrics(bool showsAllowedIps = false) =>
        new(_parts.Device, _network, _parts.Configurator, [], Options(showsAllowedIps), () => "wg0");

    private string Text(bool showsAllowedIps = false)
    {
        MetricsText text = new();
        IEnumerator writing = Metrics(showsAllowedIps).Write(text);
        while (writing.MoveNext())
        {
        }

        return Encoding.UTF8.GetString(text.Written);
    }

    private string FamilyOf(string name)
    {
        string text = Text();
        text = text[text.IndexOf($"# TYPE {name} ", StringComparison.Ordinal)..];
        int end = text.IndexOf("# HELP", StringComparison.Ordinal);
        return end < 0 ? text : text[..end];
    }
}
