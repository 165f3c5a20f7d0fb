using System.Globalization;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// An address that says its network: of a relay, and of what else listens or calls without a configured network. The port
/// follows the last colon.
/// <code>
/// to listen   vsock:PORT       tcp:[IP:]PORT   udp:[IP:]PORT   unix:PATH:PORT     without IP any address
/// to send     vsock:CID:PORT   tcp:HOST:PORT   udp:HOST:PORT   unix:PATH:PORT     HOST is a name or an IP
/// </code>
/// An IPv6 address stands in brackets. A CID has the forms of <see cref="VsockAddress"/>, and PATH those of <see
/// cref="UnixAddress"/>. Ports are 1..65535 over IP, else 32 bits.
/// </summary>
/// <param name="Network">Vsock, Tcp, Udp or Unix.</param>
/// <param name="Host">An IP address without brackets, a host's name, or PATH; empty for any address, and for VSOCK.</param>
/// <param name="Cid">VSOCK's; <see cref="VMADDR_CID_ANY"/> to listen, and 0 for other networks.</param>
/// <param name="Port">Never <see cref="VMADDR_PORT_ANY"/>; never 0 over IP.</param>
internal sealed record TransportAddress(NetworkKind Network, string Host, uint Cid, uint Port)
{
    private const string ListenForms = "vsock:PORT, tcp:PORT, udp:PORT, tcp:IP:PORT, udp:IP:PORT or unix:PATH:PORT";
    private const string SendForms = "vsock:CID:PORT, tcp:HOST:PORT, udp:HOST:PORT or unix:PATH:PORT";

    /// <summary>Whether the host is a name, which is yet to be resolved.</summary>
    internal bool IsName => Network is NetworkKind.Tcp or NetworkKind.Udp && Host.Length > 0 && !TryResolved(out _);

    /// <summary>Reads an address.</summary>
    /// <param name="address">Null where it gives false.</param>
    /// <param name="error">What is wrong, and the mend, without the text itself; empty when nothing is.</param>
    internal static bool TryParse(ReadOnlySpan<char> text, AddressUse use, out TransportAddress address, out string error)
    {
        address = null!;
        int first = text.IndexOf(':');
        ReadOnlySpan<char> rest = text[(first + 1)..];
        NetworkKind network = default;
        bool isKnown = first > 0 && NetworkKind.TryFromWord(text[..first], out network);
        if (isKnown && network is NetworkKind.Tcp4 or NetworkKind.Tcp6 or NetworkKind.Udp4 or NetworkKind.Udp6)
            error = $"write {(network.IsStream ? "tcp" : "udp")}: the address says which IP it is";
        else if (!isKnown)
            error = $"it does not begin with a network: write {FormsFor(use)}";
        else
            error = Read(network, rest, use, out address);
        if (error.Length > 0)
            address = null!;
        return error.Length == 0;
    }

    /// <summary>The socket's address, where no name must be resolved first. To listen anywhere over IP, that of IPv6.</summary>
    internal bool TryResolved(out EndpointAddress endpoint)
    {
        endpoint = default;
        switch (Network)
        {
            case NetworkKind.Vsock:
                endpoint = EndpointAddress.Vsock(Cid, Port);
                return true;
            case NetworkKind.Tcp or NetworkKind.Udp when Host.Length == 0:
                endpoint = EndpointAddress.Any(isIPv6: true, (ushort)Port);
                return true;
            case NetworkKind.Tcp or NetworkKind.Udp:
                return EndpointAddress.TryParse(HostAndPort, Network, Sys.InterfaceIndex, out endpoint, out _);
            case NetworkKind.Unix:
                endpoint = EndpointAddress.Unix(Host, Port);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The form it is read from.</summary>
    public override string ToString() => Network switch
    {
        NetworkKind.Vsock when Cid == VMADDR_CID_ANY => string.Create(CultureInfo.InvariantCulture, $"vsock:{Port}"),
        NetworkKind.Vsock => string.Create(CultureInfo.InvariantCulture, $"vsock:{Cid}:{Port}"),
        _ => $"{Network.Word}:{HostAndPort}",
    };

    private string HostAndPort
    {
        get
        {
            string port = Port.ToString(CultureInfo.InvariantCulture);
            bool isIPv6 = Network != NetworkKind.Unix && Host.Contains(':');
            return Host.Length == 0 ? port : isIPv6 ? $"[{Host}]:{port}" : $"{Host}:{port}";
        }
    }

    private static string FormsFor(AddressUse use) => use == AddressUse.Listen ? ListenForms : SendForms;

    /// <summary>What is wrong; empty when nothing is.</summary>
    private static string Read(NetworkKind network, ReadOnlySpan<char> rest, AddressUse use, out TransportAddress address)
    {
        address = null!;
        if (network == NetworkKind.Vsock && use == AddressUse.Send)
        {
            bool isVsock = VsockAddress.TryParse(rest, out uint cid, out uint cidPort, out string error);
            address = isVsock ? new TransportAddress(network, "", cid, cidPort) : null!;
            return isVsock ? "" : error == "not CID:PORT" ? "which machine? Write vsock:CID:PORT" : error;
        }

        if (network == NetworkKind.Unix)
        {
            string text = $"{UnixAddress.Prefix}{rest}";
            bool isUnix = UnixAddress.TryParse(text, out string path, out uint guestPort, out string error);
            address = isUnix ? new TransportAddress(network, path, 0, guestPort) : null!;
            return error;
        }

        int last = rest.LastIndexOf(':');
        ReadOnlySpan<char> host = rest[..Math.Max(last, 0)];
        uint least = network == NetworkKind.Vsock ? 0u : 1;
        uint most = network == NetworkKind.Vsock ? VMADDR_PORT_ANY - 1 : ushort.MaxValue;
        if (!DecimalText.TryParse(rest[(last + 1)..], most, out uint port) || port < least)
            return $"what follows the last colon is no port from {least} to {most}";
        if (last == 0)
            return "there is a colon too many: nothing stands between the two";
        return network == NetworkKind.Vsock
            ? ReadOwnVsock(host, port, out address)
            : ReadIP(network, host, (ushort)port, use, out address);
    }

    private static string ReadOwnVsock(ReadOnlySpan<char> cid, uint port, out TransportAddress address)
    {
        address = cid.IsEmpty ? new TransportAddress(NetworkKind.Vsock, "", VMADDR_CID_ANY, port) : null!;
        return cid.IsEmpty ? "" : "to listen write vsock:PORT: it is this machine's own CID";
    }

    private static string ReadIP(
        NetworkKind network, ReadOnlySpan<char> host, ushort port, AddressUse use, out TransportAddress address)
    {
        bool isListening = use == AddressUse.Listen;
        address = new TransportAddress(network, "", 0, port);
        if (host.IsEmpty)
            return isListening ? "" : $"which host? Write {network.Word}:HOST:PORT";
        string text = string.Create(CultureInfo.InvariantCulture, $"{host}:{port}");
        if (EndpointAddress.TryParse(text, network, Sys.InterfaceIndex, out EndpointAddress endpoint, out string error))
        {
            string shown = endpoint.ToString();
            address = address with { Host = shown.AsSpan(0, shown.LastIndexOf(':')).Trim("[]").ToString() };
            bool isAny = endpoint == EndpointAddress.Any(endpoint.IsIPv6, port);
            return isAny && !isListening ? "it is no address to send to: write another machine's" : "";
        }

        bool isName = HostName.TryParse(text, out string name, out _, out _) && DomainName.IsValid(name);
        address = isName && !isListening ? address with { Host = name.ToLowerInvariant() } : null!;
        if (isName)
            return isListening ? "a name is no address of this machine: write an IP address, or the port alone" : "";
        if (host[0] != '[' && IpAddressText.TryParseIPv6(host, out _))
            return "write an IPv6 address in brackets";
        return isListening || host[0] == '[' ? error : $"{error}, nor a host's name";
    }
}

/// <summary>What an address is for.</summary>
internal enum AddressUse
{
    Listen,
    Send,
}
