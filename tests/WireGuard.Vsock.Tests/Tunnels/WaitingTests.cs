using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Tests.Config;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>How often --wait looks and has handshakes begun.</summary>
public sealed class WaitingTests
{
    private readonly List<long> _begins = [], _looks = [];
    private long _now = 1000;

    [Fact]
    public void It_looks_often_at_first_and_then_seldom()
    {
        Wait(seconds: 2, doneAfterMs: long.MaxValue);
        Assert.Equal(50, _looks.Count(time => time < 1000));
        Assert.Equal(6, _looks.Count(time => time >= 1000));
        Assert.Equal(2000, _looks[^1]);
    }

    [Fact]
    public void Handshakes_that_the_daemon_has_given_up_are_begun_again()
    {
        Wait(seconds: 200, doneAfterMs: long.MaxValue);
        Assert.Equal([0, 30_000, 60_000, 90_000, 120_000, 150_000, 180_000], _begins);
    }

    [Fact]
    public void Nothing_is_missing_once_all_have_answered() => Assert.Empty(Wait(seconds: 200, doneAfterMs: 100_000));

    [Fact]
    public void What_is_missing_at_the_end_is_told() => Assert.Equal(["alice"], Wait(seconds: 1, doneAfterMs: 2000));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_peer_of_the_file_that_the_daemon_does_not_have_is_missing(bool hasEndpoint)
    {
        TunnelSettings settings = Settings(hasEndpoint ? "192.0.2.1:51820" : null);
        PeerStatus missing = Assert.Single(Waiting.Missing(settings, new DeviceStatus()));
        string line = Waiting.LineOf("wg0", missing, 5, listenError: null);
        Assert.EndsWith(
            "within 5 s: the daemon has no such peer: is PublicKey this interface's own?", line, StringComparison.Ordinal);
        Assert.Contains(hasEndpoint ? "192.0.2.1:51820" : "no endpoint", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_peer_with_a_session_is_not_missing(bool hasSession)
    {
        TunnelSettings settings = Settings("192.0.2.1:51820");
        var status = new DeviceStatus
        {
            Peers = [new PeerStatus { PublicKey = settings.Peers[0].PublicKey, Details = new() { HasSession = hasSession } }],
        };
        Assert.Equal(hasSession ? 0 : 1, Waiting.Missing(settings, status).Count);
    }

    /// <summary>Whatever other sessions there are: with one of the verifiers that it has taken, if not with all.</summary>
    [Theory]
    [InlineData("192.0.2.1:51820", true, false, false, 2)]
    [InlineData("192.0.2.1:51820", true, true, false, 0)]
    [InlineData("192.0.2.1:51820", false, true, false, 1)]
    [InlineData(null, true, false, false, 2)]
    [InlineData(null, true, false, true, 0)]
    public void A_prover_waits_for_a_verifier(string? endpoint, bool has, bool first, bool second, int missing)
    {
        TunnelSettings file = Settings(endpoint);
        ProvisionSettings provision = new(ProvisionKind.Unattested, [], TakesFirst: false, Port: 1);
        TunnelSettings settings = file with { Interface = file.Interface with { Provision = provision } };
        PeerStatus Verifier(byte key, bool hasSession) => new()
        {
            PublicKey = new([key, .. new byte[31]]),
            Details = new() { HasSession = hasSession, Note = new() { ProvisionedAt = 1 } },
        };
        var status = new DeviceStatus
        {
            Peers =
            [
                new PeerStatus { PublicKey = settings.Peers[0].PublicKey, Details = new() { HasSession = has } },
                Verifier(1, first),
                Verifier(2, second),
            ],
        };
        Assert.Equal(missing, Waiting.Missing(settings, status).Count);
    }

    [Fact]
    public void A_port_that_is_taken_is_named_once()
    {
        const string taken = "listening port 51820 is taken";
        TunnelSettings settings = Settings("192.0.2.1:51820");
        var peer = new PeerStatus { PublicKey = settings.Peers[0].PublicKey, Details = new() { HandshakeError = "no route" } };
        Assert.EndsWith($"s: no route; {taken}", Waiting.LineOf("wg0", peer, 5, taken), StringComparison.Ordinal);
        peer = peer with { Details = new() { HandshakeError = taken } };
        Assert.EndsWith($"s: {taken}", Waiting.LineOf("wg0", peer, 5, taken), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_nothing_is_known_the_address_that_is_called_is_told()
    {
        PeerSettings peer = Settings("192.0.2.1:51820").Peers[0];
        var status = new PeerStatus { PublicKey = peer.PublicKey, Endpoint = peer.Endpoint, Details = new() };
        Assert.EndsWith(
            "s: connecting to 192.0.2.1:51820, no answer yet", Waiting.LineOf("wg0", status, 5, null), StringComparison.Ordinal);
    }

    private static TunnelSettings Settings(string? endpoint)
    {
        string line = endpoint is null ? "" : $"Endpoint = {endpoint}\n";
        return ConfigText.Settings($"{ConfigText.Head}Network = udp\n{ConfigText.Peer}{line}");
    }

    private IReadOnlyList<string> Wait(int seconds, long doneAfterMs)
    {
        long began = _now;
        return Waiting.Run(
            () => _begins.Add(_now - began),
            () =>
            {
                _looks.Add(_now - began);
                return _now - began < doneAfterMs ? ["alice"] : [];
            },
            () => _now,
            milliseconds => _now += milliseconds,
            seconds);
    }
}
