using System.Globalization;
using WireGuard.Protocol.Routing;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// The address as text: 192.0.2.1:51820, [2001:db8::1]:51820, [fe80::1%eth0]:51820, and VSOCK's forms
/// (<see cref="VsockAddress"/>), which " to-host" may follow, and unix:/PATH:PORT (<see cref="UnixAddress"/>). Numbers are
/// decimal without sign, spaces or leading zeros. Names are not resolved here.
/// </summary>
internal readonly partial struct EndpointAddress
{
    private const string ToHostSuffix = " to-host";

    /// <summary>Reads an endpoint of the given network.</summary>
    /// <param name="interfaceIndex">The index of the interface of that name, 0 if there is none: if_nametoindex(3).</param>
    /// <param name="error">What is wrong, without the text itself; empty when nothing is.</param>
    internal static bool TryParse(
        ReadOnlySpan<char> text,
        NetworkKind network,
        Func<string, uint> interfaceIndex,
        out EndpointAddress endpoint,
        out string error)
    {
        if (network == NetworkKind.Vsock)
        {
            bool isToHost = text.EndsWith(ToHostSuffix, StringComparison.Ordinal);
            if (isToHost)
                text = text[..^ToHostSuffix.Length];
            bool isVsock = VsockAddress.TryParse(text, out uint cid, out uint port, out error);
            endpoint = isVsock ? Vsock(cid, port, isToHost) : default;
            return isVsock;
        }

        if (network == NetworkKind.Unix)
        {
            bool isUnix = UnixAddress.TryParse(text, out string path, out uint port, out error);
            endpoint = isUnix ? Unix(path, port) : default;
            return isUnix;
        }

        if (!TryParseIP(text, interfaceIndex, out endpoint, out error))
            return false;
        bool isAllowed = endpoint.Kind == AddressFamilyKind.IPv4 ? network.AllowsIPv4 : network.AllowsIPv6;
        if (isAllowed)
            return true;
        error = $"the network is {network.Word}, the address is {endpoint.Kind}";
        endpoint = default;
        return false;
    }

    /// <summary>
    /// The text that <c>get</c> answers. <c>wg(8)</c> hands it to getaddrinfo(3), which knows dotted quads and 16-bit ports: CID
    /// 6 is 0.0.0.6, a VSOCK port over 65535 shows as 0, to-host is left out, and a Unix socket shows as 0.0.0.0. A scope is
    /// shown by number, which getaddrinfo(3) reads everywhere.
    /// </summary>
    internal string ToUapi() => Kind switch
    {
        AddressFamilyKind.Vsock or AddressFamilyKind.Unix =>
            FormatIP(IPv4(IsVsock ? Cid : 0, (ushort)(_port <= ushort.MaxValue ? _port : 0))),
        _ => FormatIP(this),
    };

    /// <summary>
    /// In full: 192.0.2.1:51820, [fe80::1%3]:51820, host(2):8172, vm(6):4000000000, vm(3):51820 to-host,
    /// unix:/run/vm3/v.sock:51820. An endpoint is read from it again.
    /// </summary>
    public override string ToString() => Kind switch
    {
        AddressFamilyKind.None => "none",
        AddressFamilyKind.Vsock => VsockAddress.Format(Cid, _port) + (IsToHost ? ToHostSuffix : ""),
        AddressFamilyKind.Unix => UnixAddress.Format(Path!, _port),
        _ => FormatIP(this),
    };

    private static bool TryParseIP(
        ReadOnlySpan<char> text, Func<string, uint> interfaceIndex, out EndpointAddress endpoint, out string error)
    {
        endpoint = default;
        error = "not ADDRESS:PORT or [ADDRESS]:PORT";
        int colon = text.LastIndexOf(':');
        if (colon < 0)
            return false;
        ReadOnlySpan<char> host = text[..colon];
        if (!DecimalText.TryParse(text[(colon + 1)..], ushort.MaxValue, out uint port))
        {
            error = "the port is not a number from 0 to 65535";
            return false;
        }

        bool isBracketed = host.Length > 2 && host[0] == '[' && host[^1] == ']';
        if (isBracketed)
            return TryParseIPv6(host[1..^1], (ushort)port, interfaceIndex, out endpoint, out error);
        if (!IpAddressText.TryParseIPv4(host, out uint address))
        {
            error = "not an IPv4 address, nor an IPv6 address in brackets";
            return false;
        }

        endpoint = IPv4(address, (ushort)port);
        error = "";
        return true;
    }

    private static bool TryParseIPv6(
        ReadOnlySpan<char> host, ushort port, Func<string, uint> interfaceIndex, out EndpointAddress endpoint, out string error)
    {
        endpoint = default;
        uint scopeId = 0;
        int percent = host.IndexOf('%');
        if (percent >= 0)
        {
            if (!TryParseScope(host[(percent + 1)..], interfaceIndex, out scopeId))
            {
                error = "no interface is named as the address's scope says";
                return false;
            }

            host = host[..percent];
        }

        if (!IpAddressText.TryParseIPv6(host, out UInt128 address))
        {
            error = "not an IPv6 address in brackets";
            return false;
        }

        endpoint = IPv6(address, port, scopeId);
        error = "";
        return true;
    }

    /// <summary>An interface's name, or else its number: the order in which getaddrinfo(3) tries them.</summary>
    private static bool TryParseScope(ReadOnlySpan<char> scope, Func<string, uint> interfaceIndex, out uint scopeId)
    {
        scopeId = scope.Length is > 0 and < IFNAMSIZ ? interfaceIndex(scope.ToString()) : 0;
        return scopeId != 0 || (DecimalText.TryParse(scope, uint.MaxValue, out scopeId) && scopeId != 0);
    }

    private static string FormatIP(EndpointAddress endpoint)
    {
        Span<char> host = stackalloc char[IpAddressText.MaxLength];
        switch (endpoint.Kind)
        {
            case AddressFamilyKind.IPv4:
                IpAddressText.TryFormatIPv4(endpoint.IPv4Address, host, out int length4);
                return string.Create(CultureInfo.InvariantCulture, $"{host[..length4]}:{endpoint._port}");
            case AddressFamilyKind.IPv6:
                IpAddressText.TryFormatIPv6(endpoint.IPv6Address, host, out int length6);
                return endpoint.ScopeId == 0
                    ? string.Create(CultureInfo.InvariantCulture, $"[{host[..length6]}]:{endpoint._port}")
                    : string.Create(CultureInfo.InvariantCulture, $"[{host[..length6]}%{endpoint.ScopeId}]:{endpoint._port}");
            default:
                throw NoAddress();
        }
    }
}
