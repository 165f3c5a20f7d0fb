using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// --wait: begins handshakes, and waits until there is a session with every peer that has an endpoint, or, where none has one,
/// with any peer; before that, until all keys are learned, and a prover has a verifier, with which it has a session too.
/// </summary>
internal static class Waiting
{
    /// <summary>How often is looked in the first second, and then.</summary>
    internal const int FirstStepMs = 20, StepMs = 200;

    private const int FirstMs = 1000;

    /// <summary>The daemon gives up a handshake after 90 s, and takes no notice of this while it tries.</summary>
    private const int AgainMs = 30_000;

    /// <summary>Waits.</summary>
    /// <param name="name">The interface's.</param>
    /// <param name="settings">Its peers.</param>
    /// <param name="seconds">For how long.</param>
    /// <param name="stopIfAsked">Called between looks: throws when the process is to end.</param>
    /// <exception cref="SetupException">
    /// There were none in time. The message has a line for each peer, which says why.
    /// </exception>
    public static void Run(string name, TunnelSettings settings, int seconds, Action stopIfAsked)
    {
        using UapiClient client = UapiClient.Connect(name);
        IReadOnlyList<string> Look()
        {
            DeviceStatus status = client.TryStatus() ?? throw new SetupException($"{name} is another daemon's by now");
            client.Forget();
            return
            [
                .. Unlearned(name, settings, status, seconds),
                .. Missing(LearnedSettings.Add(settings, taken: null, status.Peers), status)
                    .Select(peer => LineOf(name, peer, seconds, status.Details?.ListenError)),
            ];
        }

        void Sleep(int milliseconds)
        {
            Thread.Sleep(milliseconds);
            stopIfAsked();
        }

        IReadOnlyList<string> missing = Run(client.BeginHandshakes, Look, Sys.MonotonicMs, Sleep, seconds);
        if (missing.Count > 0)
            throw new SetupException(string.Join($"\n{Say.LineStart}", missing));
    }

    /// <summary>Looks until nothing is missing, or the time is over.</summary>
    /// <returns>What is missing in the end.</returns>
    internal static IReadOnlyList<string> Run(
        Action begin, Func<IReadOnlyList<string>> look, Func<long> now, Action<int> sleep, int seconds)
    {
        long began = now(), asked = began;
        begin();
        while (true)
        {
            IReadOnlyList<string> missing = look();
            long passed = now() - began;
            if (missing.Count == 0 || passed >= seconds * 1000L)
                return missing;
            sleep(passed < FirstMs ? FirstStepMs : StepMs);
            if (now() - asked < AgainMs)
                continue;
            asked = now();
            begin();
        }
    }

    /// <summary>The peers that are waited for.</summary>
    internal static IReadOnlyList<PeerStatus> Missing(TunnelSettings settings, DeviceStatus status)
    {
        List<PeerSettings> given = [.. settings.Peers.Where(peer => peer.Attest is null)];
        var called = given
            .Where(peer => peer.Endpoint is not null || peer.EndpointName is not null)
            .Select(peer => peer.PublicKey)
            .ToHashSet();
        bool IsWaitedFor(PublicKey key) => called.Count == 0 || called.Contains(key);
        List<PeerStatus> known = [.. status.Peers];
        List<PeerStatus> waited = [.. known.Where(peer => IsWaitedFor(peer.PublicKey))];
        List<PeerStatus> missing = [.. waited.Where(peer => peer.Details is not { HasSession: true })];
        List<PeerStatus> verifiers = VerifiersOf(settings, known);
        if (called.Count == 0 && missing.Count < waited.Count)
            return verifiers;
        return
        [
            .. missing.Union(verifiers),
            .. given
                .Where(peer => IsWaitedFor(peer.PublicKey) && !known.Exists(other => other.PublicKey == peer.PublicKey))
                .Select(Absent),
        ];
    }

    /// <summary>
    /// Of a prover, the verifiers that it has taken, while it has a session with none of them: a session with another peer does
    /// not say that who has provisioned it can reach it.
    /// </summary>
    private static List<PeerStatus> VerifiersOf(TunnelSettings settings, List<PeerStatus> known)
    {
        if (settings.Interface.Provision is null)
            return [];
        List<PeerStatus> verifiers = known.FindAll(peer => peer.Details?.Note is { ProvisionedAt: > 0 });
        return verifiers.Exists(peer => peer.Details!.HasSession) ? [] : verifiers;
    }

    /// <summary>The sections whose keys are not learned, and a prover that no verifier has taken: a line for each.</summary>
    internal static IEnumerable<string> Unlearned(string name, TunnelSettings settings, DeviceStatus status, int seconds)
    {
        if (settings.Interface.Provision is not null && !status.Peers.Any(peer => peer.Details?.Note is { ProvisionedAt: > 0 }))
            yield return $"{name}: no verifier has completed an exchange within {seconds} s";
        foreach (PeerSettings section in settings.Peers)
        {
            if (section.Attest is not { } asked || LearnedSettings.PeerOf(asked, status.Peers) is not null)
                continue;
            string address = asked.Address.ToString();
            string why = status.Details?.Notes.Awaited.FirstOrDefault(peer => peer.Address == address)?.Reason ?? "no answer yet";
            yield return $"{name}: {address} is not attested within {seconds} s: {why}";
        }
    }

    /// <summary>A peer of the file that the daemon does not have: it takes none with the interface's own key.</summary>
    private static PeerStatus Absent(PeerSettings peer) => new()
    {
        PublicKey = peer.PublicKey,
        Endpoint = peer.Endpoint,
        Details = new PeerDetails
        {
            EndpointName = peer.EndpointName,
            HandshakeError = "the daemon has no such peer: is PublicKey this interface's own?",
        },
    };

    /// <param name="listenError">Why nothing is listened on; null if that is not so.</param>
    internal static string LineOf(string name, PeerStatus peer, int seconds, string? listenError)
    {
        string key = Convert.ToBase64String(peer.PublicKey.Bytes);
        string where = (peer.Details?.EndpointName, peer.Endpoint) switch
        {
            ({ } host, { } endpoint) => $"{host} ({endpoint})",
            ({ } host, null) => host,
            (null, { } endpoint) => endpoint.ToString(),
            _ => "no endpoint",
        };
        string why = peer.Details?.HandshakeError
            ?? (peer.Endpoint is { } called ? $"connecting to {called}, no answer yet" : "no answer yet");
        if (listenError is not null && !why.Contains(listenError, StringComparison.Ordinal))
            why = $"{why}; {listenError}";
        return $"{name}: no handshake with {key}, {where}, within {seconds} s: {why}";
    }
}
