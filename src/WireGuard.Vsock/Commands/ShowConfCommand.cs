using System.Globalization;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>Prints an interface's configuration, as <c>wg showconf</c> does.</summary>
internal static class ShowConfCommand
{
    public static CommandPage Page => new(
        "showconf", "Print the configuration of an interface, for use with setconf", ["INTERFACE"], Run)
    {
        Paragraphs =
        [
            "The output holds the private key and the preshared keys. It is that of wg(8); an endpoint over VSOCK that a dotted "
            + "quad and 16 bits of port cannot say is written in full, as vm(6):4000000000, and so is one behind a Unix socket: "
            + "setconf of this program reads them.",
        ],
    };

    private static int Run(IReadOnlyList<string> arguments)
    {
        if (arguments is not [{ } name])
            throw new UsageException("which interface? One argument, such as wg0");
        return WgCommand.Try("Unable to access interface", () =>
        {
            using UapiClient client = UapiClient.Connect(name);
            using SecretText text = new();
            Write(text, WgCommand.StatusOf(client));
            Say.Write(1, text.Bytes);
        });
    }

    private static void Write(SecretText to, DeviceStatus device)
    {
        to.Append("[Interface]\n");
        if (device.ListenPort != 0)
            to.Append("ListenPort = ").Append(device.ListenPort).Append("\n");
        if (device.FirewallMark != 0)
            to.Append($"FwMark = 0x{device.FirewallMark:x}\n");
        if (device.PrivateKey is { } key)
            to.Append("PrivateKey = ").AppendBase64(key.Bytes).Append("\n");
        foreach (PeerStatus peer in device.Peers)
        {
            to.Append("\n[Peer]\nPublicKey = ").AppendBase64(peer.PublicKey.Bytes).Append("\n");
            WritePeer(to, peer);
        }

        if (!device.Peers.Any())
            to.Append("\n");
    }

    private static void WritePeer(SecretText to, PeerStatus peer)
    {
        if (peer.PresharedKey is { IsZero: false } presharedKey)
            to.Append("PresharedKey = ").AppendBase64(presharedKey.Bytes).Append("\n");
        string separator = "AllowedIPs = ";
        foreach (IpPrefix prefix in peer.AllowedIps)
        {
            to.Append(separator).Append(ShowText.Address(prefix)).Append("/").Append(prefix.Length);
            separator = ", ";
        }

        if (peer.AllowedIps.Any())
            to.Append("\n");
        if (EndpointText.Of(peer) is { } endpoint)
            to.Append(string.Create(CultureInfo.InvariantCulture, $"Endpoint = {endpoint}\n"));
        if (peer.PersistentKeepalive != 0)
            to.Append("PersistentKeepalive = ").Append(peer.PersistentKeepalive).Append("\n");
    }
}
