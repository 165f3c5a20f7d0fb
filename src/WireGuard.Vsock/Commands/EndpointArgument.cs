using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Endpoints given to <c>set</c> and in the files of <c>setconf</c>. What they mean depends on the daemon: over VSOCK they are a
/// CID and a port of 32 bits, behind Unix sockets a path and such a port; otherwise an address or a host's name, which is looked
/// up as <c>wg(8)</c> does, and to our daemon the name is told as well, so that it can look it up again.
/// </summary>
/// <param name="interfaceName">Whose daemon; it is asked at the first endpoint, since wg(8) complains of arguments first.</param>
internal sealed class EndpointArgument(string interfaceName)
{
    private const string ToHost = "to-host";

    private NetworkKind? _network; // null if the daemon is another's, or not there, which the change itself will tell
    private bool _hasAsked;

    /// <summary>Reads an endpoint into the peer. Null, or what is wrong, in wg's words where there are any.</summary>
    public string? Read(string text, PeerChange peer)
    {
        peer.EndpointName = null;
        if (text.Length == 0)
            return "Unable to parse empty endpoint";
        return Network() is { IsIP: false } local ? ReadLocal(text, local, peer) : ReadHost(text, peer);
    }

    private static string? ReadLocal(string text, NetworkKind network, PeerChange peer)
    {
        // Files are read without white space.
        if (network == NetworkKind.Vsock && text.EndsWith(ToHost, StringComparison.Ordinal))
            text = $"{text[..^ToHost.Length].TrimEnd()} {ToHost}";
        bool isEndpoint = EndpointAddress.TryParse(
            text, network, Sys.InterfaceIndex, out EndpointAddress endpoint, out string error);
        peer.Endpoint = endpoint;
        return isEndpoint ? null : $"Endpoint over {network.Word}: {error}: `{WgValues.Shown(text)}'";
    }

    private string? ReadHost(string text, PeerChange peer)
    {
        if (text.EndsWith($" {ToHost}", StringComparison.Ordinal))
            return $"{ToHost} is for endpoints over vsock: `{WgValues.Shown(text)}'";
        if (UnixAddress.IsMeant(text))
            return $"{UnixAddress.Prefix} is for endpoints over unix: `{WgValues.Shown(text)}'";
        int retries = Retries(Environment.GetEnvironmentVariable(Environs.EndpointRetries));
        if (!NameLookup.TrySplit(text, out string host, out string port, out string error))
            return $"{error}: `{WgValues.Shown(text)}'";
        List<EndpointAddress> found = [];
        int code = NameLookup.TryAgain(
            () => NameLookup.Resolve(host, port, 0, found, out error),
            retries,
            delayMs =>
            {
                WgCommand.Complain($"{error}: `{WgValues.Shown(text)}'. {NameLookup.AgainText(delayMs)}");
                Thread.Sleep(delayMs);
            });
        if (code != 0)
            return $"{error}: `{WgValues.Shown(text)}'";

        // An address of a family that our daemon's network has, if there is one; else it will say why not.
        peer.Endpoint = found.Find(address => Network() is not { } network
            || (address.IsIPv6 ? network.AllowsIPv6 : network.AllowsIPv4)) is { Kind: not AddressFamilyKind.None } suitable
            ? suitable
            : found.FirstOrDefault();
        if (peer.Endpoint is not { Kind: not AddressFamilyKind.None })
            return $"Neither IPv4 nor IPv6 address found: `{WgValues.Shown(text)}'";
        bool isName = NameLookup.Resolve(host, port, AI_NUMERICHOST, [], out _) != 0;
        if (Network() is not null && isName && HostName.TryParse($"{host}:{peer.Endpoint.Value.Port}", out _, out _, out _))
            peer.EndpointName = $"{host}:{peer.Endpoint.Value.Port}";
        return null;
    }

    /// <summary>How often to try again, as wg(8) reads it with strtoul(3); negative for ever.</summary>
    internal static int Retries(string? text)
    {
        return NameLookup.TryReadRetries(text, out int retries)
            ? retries
            : throw new WgMistake($"Unable to parse {Environs.EndpointRetries}: `{text}'");
    }

    private NetworkKind? Network()
    {
        if (_hasAsked)
            return _network;
        _hasAsked = true;
        try
        {
            using UapiClient client = UapiClient.Connect(interfaceName);
            _network = client.TryStatus()?.Details?.Network;
        }
        catch (UapiException)
        {
            // The change will fail for the same reason, and say so.
        }

        return _network;
    }
}
