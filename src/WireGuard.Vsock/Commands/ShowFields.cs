using System.Globalization;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// One field of an interface, or all of them (dump), as <c>wg show</c> writes them for programs: a line for the interface or one
/// for each peer, its columns separated by tabs.
/// </summary>
internal static class ShowFields
{
    public static IReadOnlyList<string> Names =>
    [
        "public-key", "private-key", "listen-port", "fwmark", "peers", "preshared-keys", "endpoints", "allowed-ips",
        "latest-handshakes", "transfer", "persistent-keepalive", "dump",
    ];

    /// <param name="name">Of the interface, for a first column; null for none.</param>
    public static void Write(SecretText to, string field, DeviceStatus device, string? name)
    {
        string lead = name is null ? "" : name + "\t";
        switch (field)
        {
            case "public-key" or "private-key" or "listen-port" or "fwmark":
                to.Append(lead);
                WriteDeviceField(to, field, device).Append("\n");
                break;
            case "dump":
                to.Append(lead);
                WriteDeviceField(to, "private-key", device).Append("\t");
                WriteDeviceField(to, "public-key", device).Append("\t");
                WriteDeviceField(to, "listen-port", device).Append("\t");
                WriteDeviceField(to, "fwmark", device).Append("\n");
                foreach (PeerStatus peer in device.Peers)
                    WriteDump(to.Append(lead), peer);
                break;
            default:
                foreach (PeerStatus peer in device.Peers)
                {
                    to.Append(lead).AppendBase64(peer.PublicKey.Bytes);
                    if (field != "peers")
                        WritePeerField(to.Append("\t"), field, peer);
                    to.Append("\n");
                    // wg(8) of Debian 12 (1.0.20210914) names the interface at the first endpoint only, and programs know it so.
                    lead = field == "endpoints" ? "" : lead;
                }

                break;
        }
    }

    private static SecretText WriteDeviceField(SecretText to, string field, DeviceStatus device) => field switch
    {
        "public-key" => device.PrivateKey is { } key ? to.AppendBase64(key.PublicKey.Bytes) : to.Append("(none)"),
        "private-key" => device.PrivateKey is { } key ? to.AppendBase64(key.Bytes) : to.Append("(none)"),
        "listen-port" => to.Append(device.ListenPort),
        _ => to.Append(device.FirewallMark == 0 ? "off" : $"0x{device.FirewallMark:x}"),
    };

    private static SecretText WritePeerField(SecretText to, string field, PeerStatus peer) => field switch
    {
        "preshared-keys" => WritePresharedKey(to, peer.PresharedKey),
        "endpoints" => to.Append(EndpointText.Of(peer) ?? "(none)"),
        "allowed-ips" => WriteAllowedIps(to, peer.AllowedIps, " "),
        "latest-handshakes" => to.Append(peer.LastHandshakeSeconds),
        "transfer" => to.Append(peer.RxBytes).Append("\t").Append(peer.TxBytes),
        _ => peer.PersistentKeepalive == 0 ? to.Append("off") : to.Append(peer.PersistentKeepalive),
    };

    private static void WriteDump(SecretText to, PeerStatus peer)
    {
        to.AppendBase64(peer.PublicKey.Bytes).Append("\t");
        WritePresharedKey(to, peer.PresharedKey).Append("\t");
        WritePeerField(to, "endpoints", peer).Append("\t");
        WriteAllowedIps(to, peer.AllowedIps, ",").Append("\t");
        WritePeerField(to, "latest-handshakes", peer).Append("\t");
        WritePeerField(to, "transfer", peer).Append("\t");
        WritePeerField(to, "persistent-keepalive", peer).Append("\n");
    }

    private static SecretText WritePresharedKey(SecretText to, PresharedKey? key) =>
        key is { IsZero: false } ? to.AppendBase64(key.Bytes) : to.Append("(none)");

    private static SecretText WriteAllowedIps(SecretText to, IEnumerable<IpPrefix> prefixes, string separator)
    {
        int start = to.Length;
        foreach (IpPrefix prefix in prefixes)
        {
            to.Append(to.Length == start ? "" : separator);
            to.Append(string.Create(CultureInfo.InvariantCulture, $"{ShowText.Address(prefix)}/{prefix.Length}"));
        }

        return to.Length == start ? to.Append("(none)") : to;
    }
}
