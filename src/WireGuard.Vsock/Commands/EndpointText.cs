using System.Buffers.Binary;
using System.Globalization;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// A peer's endpoint as <c>wg(8)</c> prints it: an IPv6 address in brackets, its scope by name. A VSOCK endpoint is a dotted quad
/// as well, or in full where that could not say it: vm(6):4000000000, vm(3):51820 to-host; one behind a Unix socket is always in
/// full. What is no address is printed as the daemon says it.
/// </summary>
internal static class EndpointText
{
    /// <summary>Null if the peer has none.</summary>
    public static string? Of(PeerStatus peer)
    {
        if (peer.Endpoint is { IsVsock: true } vsock)
            return vsock.Port <= ushort.MaxValue && !vsock.IsToHost ? vsock.ToUapi() : vsock.ToString();
        if (peer.Endpoint is { IsUnix: true } unix)
            return unix.ToString();
        return (peer.EndpointText ?? peer.Endpoint?.ToString()) is { } text ? OfText(text) : null;
    }

    private static string OfText(string text)
    {
        List<byte[]> addresses = [];
        bool isAddress = NameLookup.TrySplit(text, out string host, out string port, out _)
            && Sys.GetAddressInfo(host, port, AI_NUMERICHOST | AI_NUMERICSERV, addresses, out _) == 0;
        return isAddress ? OfSockaddr(addresses[0]) : string.Concat(text.Select(letter => char.IsControl(letter) ? '?' : letter));
    }

    /// <summary>getnameinfo(3) with NI_NUMERICHOST. EndpointAddress takes an IPv4-mapped address for IPv4.</summary>
    private static string OfSockaddr(ReadOnlySpan<byte> address)
    {
        ushort port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        if (BinaryPrimitives.ReadUInt16LittleEndian(address) == AF_INET)
        {
            string host4 = Sys.FormatIPv4(BinaryPrimitives.ReadUInt32BigEndian(address[4..]));
            return string.Create(CultureInfo.InvariantCulture, $"{host4}:{port}");
        }

        string host = Sys.FormatIPv6(BinaryPrimitives.ReadUInt128BigEndian(address[8..]));
        uint scope = BinaryPrimitives.ReadUInt32LittleEndian(address[24..]);
        string zone = scope == 0 ? "" : $"%{Sys.InterfaceName(scope)}";
        return string.Create(CultureInfo.InvariantCulture, $"[{host}{zone}]:{port}");
    }
}
