using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// --wait: begins handshakes, and waits until there is a session with every peer that has an endpoint, or, where none has one,
/// with any peer.
/// </summary>
internal static class Waiting
{
    private const int StepMs = 20;

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
        client.BeginHandshakes();
        for (long end = Sys.MonotonicMs() + seconds * 1000L; ;)
        {
            DeviceStatus status = client.TryStatus() ?? throw new SetupException($"{name} is another daemon's by now");
            IReadOnlyList<PeerStatus> missing = Missing(settings, status);
            if (missing.Count == 0)
                return;
            if (Sys.MonotonicMs() >= end)
            {
                IEnumerable<string> lines = missing.Select(peer => LineOf(name, peer, seconds));
                throw new SetupException(string.Join($"\n{Say.ProgramName}: ", lines));
            }

            Thread.Sleep(StepMs);
            stopIfAsked();
        }
    }

    /// <summary>The peers that are waited for.</summary>
    internal static IReadOnlyList<PeerStatus> Missing(TunnelSettings settings, DeviceStatus status)
    {
        var called = settings.Peers
            .Where(peer => peer.Endpoint is not null || peer.EndpointName is not null)
            .Select(peer => peer.PublicKey)
            .ToHashSet();
        List<PeerStatus> waited = [.. status.Peers.Where(peer => called.Count == 0 || called.Contains(peer.PublicKey))];
        List<PeerStatus> missing = [.. waited.Where(peer => peer.Details is not { HasSession: true })];
        return called.Count == 0 && missing.Count < waited.Count ? [] : missing;
    }

    internal static string LineOf(string name, PeerStatus peer, int seconds)
    {
        string key = Convert.ToBase64String(peer.PublicKey.Bytes);
        string where = (peer.Details?.EndpointName, peer.Endpoint) switch
        {
            ({ } host, { } endpoint) => $"{host} ({endpoint})",
            ({ } host, null) => host,
            (null, { } endpoint) => endpoint.ToString(),
            _ => "no endpoint",
        };
        return $"{name}: no handshake with {key}, {where}, within {seconds} s: {peer.Details?.HandshakeError ?? "no answer"}";
    }
}
