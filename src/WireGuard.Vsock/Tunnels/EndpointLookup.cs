using System.Globalization;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// Resolves the names of endpoints while the machine's own name servers and routes are still in use. Once DNS and default routes
/// lead through the tunnel, the daemon could ask no server for a name that it needs to get there.
/// </summary>
/// <param name="settings">Of the tunnel.</param>
/// <param name="lookUp">getaddrinfo(3), or a test's.</param>
/// <param name="pause">Waits for so many milliseconds; throws when the process is to end.</param>
/// <param name="say">Says a warning.</param>
internal sealed class EndpointLookup(
    TunnelSettings settings, EndpointLookup.Lookup lookUp, Action<int> pause, Action<string> say)
{
    private const int SliceMs = 100;

    /// <summary>Gives 0 or EAI_NONAME and the like, and why.</summary>
    internal delegate int Lookup(string host, string port, List<EndpointAddress> found, out string error);

    private NetworkKind Network => settings.Interface.Network;

    /// <summary>
    /// Whether no name could be resolved once the tunnel is up: it has DNS servers, or takes all traffic, or either half of it,
    /// as AllowedIPs = 0.0.0.0/1, 128.0.0.0/1 does.
    /// </summary>
    private bool TakesNamesOver => settings.Interface.DnsServers.Count > 0
        || (settings.Interface.Table.Kind == RouteTableKind.Auto
            && settings.Peers.Any(peer => peer.AllowedIps.Any(prefix => prefix.Length <= 1)));

    /// <summary>Resolves by getaddrinfo(3), as often as <c>wg(8)</c> does.</summary>
    /// <param name="settings">Of the tunnel.</param>
    /// <param name="stopIfAsked">Throws when the process is to end.</param>
    /// <returns>The settings, in which peers with a name have its address too. It shares their keys.</returns>
    /// <exception cref="SetupException">A name that must be resolved now cannot be.</exception>
    public static TunnelSettings Resolve(TunnelSettings settings, Action stopIfAsked)
    {
        static int LookUp(string host, string port, List<EndpointAddress> found, out string error) =>
            NameLookup.Resolve(host, port, Libc.AI_NUMERICSERV, found, out error);

        void Pause(int milliseconds)
        {
            for (int left = milliseconds; left > 0; left -= SliceMs)
            {
                stopIfAsked();
                Thread.Sleep(Math.Min(left, SliceMs));
            }

            stopIfAsked();
        }

        return new EndpointLookup(settings, LookUp, Pause, Say.Error).Run(
            Environment.GetEnvironmentVariable(NameLookup.RetriesVariable));
    }

    /// <inheritdoc cref="Resolve"/>
    internal TunnelSettings Run(string? retriesText)
    {
        if (settings.Peers.All(peer => peer.EndpointName is null))
            return settings;
        if (!NameLookup.TryReadRetries(retriesText, out int retries))
            throw new SetupException($"{NameLookup.RetriesVariable} is neither a number nor infinity");
        return settings with
        {
            Peers = [.. settings.Peers.Select(peer => peer.EndpointName is { } name
                ? peer with { Endpoint = AddressOf(name, TakesNamesOver ? retries : 0) }
                : peer)],
        };
    }

    /// <summary>Null if the name may be resolved later.</summary>
    private EndpointAddress? AddressOf(string name, int retries)
    {
        _ = HostName.TryParse(name, out string host, out ushort number, out _);
        string port = number.ToString(CultureInfo.InvariantCulture), error = "";
        List<EndpointAddress> found = [];
        int code = NameLookup.TryAgain(
            () => lookUp(host, port, found, out error),
            retries,
            delayMs =>
            {
                say($"the name {host} cannot be resolved: {error}. {NameLookup.AgainText(delayMs)}");
                pause(delayMs);
            });
        pause(0);
        int first = found.FindIndex(address => address.IsIPv6 ? Network.AllowsIPv6 : Network.AllowsIPv4);
        if (code == 0 && first >= 0)
            return found[first];
        if (code == 0)
            error = $"it has no address for the network {Network.Word}";
        if (TakesNamesOver)
        {
            throw new SetupException($"the name {host} cannot be resolved: {error}. It must be before the tunnel takes DNS or "
                + "all traffic over: mend the name, or write its address as the Endpoint");
        }

        say($"warning: the name {host} cannot be resolved yet: {error}; the daemon keeps trying");
        return null;
    }
}
