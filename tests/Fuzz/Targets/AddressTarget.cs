using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// Addresses, endpoints and names as text, and as struct sockaddr: what is read is written as what is read as the same; IP
/// addresses are those that .NET reads; what is refused is refused in words without the text.
/// </summary>
internal sealed class AddressTarget : FuzzTarget
{
    public override IEnumerable<string> Words =>
    [
        "vsock:", "tcp:", "udp:", "unix:/", "vm(", "host(2):", " to-host", "local(1)", "[::1]:", "%eth0", "::ffff:", "/128",
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        string[] texts =
        [
            "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%eth0]:5", "vm(6):4000000000", "host(2):8172", "6:5 to-host",
            "unix:/run/v.sock:5", "tcp:a.example:5", "udp:[::]:5", "vsock:16:5", "vsock:5", "10.0.0.1/24", "::ffff:1.2.3.4/96",
            "a.example:5", "127.0.0.1:9", "0.0.0.6:5", "wg0", "fd00::1/64", "main", "51820",
        ];
        foreach (string text in texts)
            yield return Texts.Bytes(text);
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        EndpointAddress[] addresses = [EndpointAddress.IPv4(1, 2), EndpointAddress.IPv6(1, 2, 3), EndpointAddress.Vsock(3, 4)];
        foreach (EndpointAddress address in addresses)
            yield return sockaddr[..address.WriteSockaddr(sockaddr)];
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        CheckSockaddr(input);
        string text = Texts.Of(input[..Math.Min(input.Length, 600)]);
        for (NetworkKind network = NetworkKind.Vsock; network <= NetworkKind.Unix; network++)
            CheckEndpoint(text, network);
        CheckTransportAddress(text, AddressUse.Listen);
        CheckTransportAddress(text, AddressUse.Send);
        CheckIP(text);
        if (MetricsAddress.TryParse(text, out MetricsAddress metrics, out string error))
        {
            bool isReadAgain = MetricsAddress.TryParse(metrics.ToString(), out MetricsAddress again, out _);
            Fact.Holds(isReadAgain, "metrics' address is read again");
            Fact.Same(metrics, again, "metrics' address");
        }

        Fact.Same(error.Length == 0, HasNoError(error), "whether an error says something");
        if (HostName.TryParse(text, out string host, out ushort port, out error))
            Fact.Same(text, $"{host}:{port}", "a host's name and port");
        _ = DomainName.IsValid(text) && InterfaceName.Check(text) is null && RouteTable.TryParse(text, out _);
    }

    private static bool HasNoError(string error)
    {
        Texts.CheckShown(error, "what is wrong");
        return error.Length == 0;
    }

    private static void CheckSockaddr(ReadOnlySpan<byte> bytes)
    {
        if (!EndpointAddress.TryFromSockaddr(bytes, out EndpointAddress address))
            return;
        Span<byte> written = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        written = written[..address.WriteSockaddr(written)];
        Fact.Holds(EndpointAddress.TryFromSockaddr(written, out EndpointAddress again), "a sockaddr that is written is read");
        Fact.Same(address, again, "the address of a sockaddr");
        Span<byte> cookie = stackalloc byte[EndpointAddress.MaxCookieSourceSize];
        Fact.Holds(address.CookieSource(cookie) > 0, "a cookie's source is not empty");
        NetworkKind network = address.IsVsock ? NetworkKind.Vsock : NetworkKind.Udp;
        bool isRead = EndpointAddress.TryParse(address.ToString(), network, Texts.InterfaceIndex, out again, out _);
        bool isAny = address.IsVsock && (address.Cid == uint.MaxValue || address.Port == uint.MaxValue);
        Fact.Holds(isRead || isAny, $"an address of the kernel is read from its text, {address}");
        Fact.Holds(!isRead || again == address, "the address that is read from its text");
    }

    private static void CheckEndpoint(string text, NetworkKind network)
    {
        bool isRead = EndpointAddress.TryParse(
            text, network, Texts.InterfaceIndex, out EndpointAddress endpoint, out string error);
        Fact.Same(isRead, HasNoError(error), "whether it says what is wrong");
        if (!isRead)
            return;
        string written = endpoint.ToString();
        bool isReadAgain = EndpointAddress.TryParse(
            written, network, Texts.InterfaceIndex, out EndpointAddress again, out _);
        Fact.Holds(isReadAgain, "it is read again");
        Fact.Same(endpoint, again, "an endpoint that is written and read");
        Fact.Same(written, again.ToString(), "an endpoint's text");
        Span<byte> sockaddr = stackalloc byte[EndpointAddress.MaxUnixSockaddrSize];
        int length = endpoint.WriteSockaddr(sockaddr);
        if (endpoint.IsUnix || endpoint.IsToHost)
            return;
        Fact.Holds(EndpointAddress.TryFromSockaddr(sockaddr[..length], out again), "its sockaddr is read");
        Fact.Same(endpoint, again, "the endpoint of its sockaddr");
        Fact.Same(endpoint.Source(), again.Source(), "its source");
        bool isForWg = EndpointAddress.TryParse(endpoint.ToUapi(), NetworkKind.Udp, Texts.InterfaceIndex, out _, out _);
        Fact.Holds(isForWg, "wg reads an endpoint that it is told");
    }

    private static void CheckTransportAddress(string text, AddressUse use)
    {
        bool isRead = TransportAddress.TryParse(text, use, out TransportAddress address, out string error);
        Fact.Same(isRead, HasNoError(error), "whether it says what is wrong");
        if (!isRead)
            return;
        Fact.Holds(TransportAddress.TryParse(address.ToString(), use, out TransportAddress again, out _), "it is read again");
        Fact.Same(address, again, "an address that is written and read");
        Fact.Same(address.IsName, !address.TryResolved(out _), "whether it is a name");
    }

    private static void CheckIP(string text)
    {
        bool is4 = IpAddressText.TryParseIPv4(text, out uint address4);
        bool is6 = IpAddressText.TryParseIPv6(text, out UInt128 address6);
        Fact.Holds(!is4 || !is6, "an address is of one version");
        if (is4 || is6)
        {
            Fact.Holds(IPAddress.TryParse(text, out IPAddress? theirs), "an address of ours is one of .NET's");
            Fact.Same(is4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6, theirs.AddressFamily, "its version");
            UInt128 bits = theirs.GetAddressBytes().Aggregate(UInt128.Zero, (sum, value) => (sum << 8) | value);
            Fact.Same(is4 ? address4 : address6, bits, "its bits");
        }

        if (IpPrefix.TryParse(text, out IpPrefix prefix))
        {
            Fact.Holds(IpPrefix.TryParse(prefix.ToString(), out IpPrefix again) && again == prefix, "a prefix is read again");
            UInt128 behind = prefix.Length == 128 ? 0 : UInt128.MaxValue >> prefix.Length;
            bool isClean = (prefix.Address & behind) == 0;
            Fact.Holds(isClean, "a prefix has no bits behind its length");
        }

        if (InterfaceAddress.TryParse(text, out InterfaceAddress own))
            Fact.Holds(InterfaceAddress.TryParse(own.ToString(), out InterfaceAddress again) && again == own, "it is read again");
    }
}
