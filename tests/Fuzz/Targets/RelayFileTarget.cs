using WireGuard.Vsock.Config;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A relay's file: rules without contradictions and within their bounds, or mistakes, as in <see cref="ConfigTarget"/>.
/// </summary>
internal sealed class RelayFileTarget : FuzzTarget
{
    public override IEnumerable<string> Words =>
    [
        "[Relay]\n", "[General]\n", "Listen = ", "To = ", "Peer = ", "Raw = on\n", "MaxConnections = ", "MaxPerSource = ",
        "Idle = ", "Metrics = ", Texts.PublicKey, Texts.OtherPublicKey, "vsock:16:51820", "udp:51820", "tcp:[::1]:5",
        "unix:/run/v.sock:5",
        "tcp:localhost:5", "tcp:127.0.0.1:5", "udp:0.0.0.0:5", "tcp:a.example:5",
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        yield return Texts.Bytes("[General]\nMaxConnections = 5\nMaxPerSource = 2\nIdle = 30\nMetrics = 127.0.0.1:9\n"
            + "[Relay]\nListen = udp:51820\nListen = tcp:127.0.0.1:51820\nTo = vsock:16:51820\n");
        yield return Texts.Bytes($"[Relay]\nListen = vsock:5\nPeer = {Texts.PublicKey}=vsock:16:5\n"
            + $"Peer = {Texts.OtherPublicKey}=unix:/run/v.sock:5\n[Relay]\nListen = tcp:6\nTo = tcp:a.example:7\nRaw = on\n");
        yield return Texts.Bytes("[Relay]\nListen = tcp:5\nTo = tcp:localhost:6\n"
            + "[Relay]\nListen = tcp:6\nTo = tcp:127.0.0.1:5\n");
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        string text = Texts.Of(input);
        RelayResult result = RelayReader.Read(text);
        Fact.Same(result.Settings is null, result.Diagnostics.Count != 0, "whether there is a mistake");
        ConfigTarget.CheckDiagnostics(text, result.Diagnostics);
        if (result.Settings is not { } settings)
            return;
        Fact.Holds(RelayReader.IsRelays(text), "what is read as a relay's file is one");
        HashSet<TransportAddress> listeners = [];
        foreach (RelayRule rule in settings.Rules)
        {
            Fact.Holds(rule.Listen.Count != 0 && rule.Listen.All(listeners.Add), "a rule listens where no other does");
            Fact.Same(rule.To is null, rule.Peers.Count != 0, "whether a rule has peers");
            Fact.Holds(rule.Peers.Count <= RelayLimits.MaxPeers, "peers are bounded");
            Fact.Same(rule.Peers.Count, rule.Peers.Select(peer => peer.Key).Distinct().Count(), "whether keys are told apart");
        }

        Fact.Holds(settings.Rules.Count is > 0 and <= RelayLimits.MaxRules, "rules are bounded");
        Fact.Holds(listeners.Count <= RelayLimits.MaxListeners, "listeners are bounded");
    }
}
