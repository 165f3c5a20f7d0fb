using System.Globalization;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>An interface as <c>wg show</c> describes it to people, and how its keys were learned, if they were.</summary>
/// <param name="to">Where it is written.</param>
/// <param name="style">The colours.</param>
/// <param name="now">Seconds since 1970.</param>
internal sealed class ShowText(SecretText to, TextStyle style, ulong now)
{
    private readonly bool _hidesKeys = Environs.Get(Environs.HideKeys) != "never";

    /// <param name="more">Lines that follow those of wg(8), if any: of the device (null), and of each peer.</param>
    public void Write(string name, DeviceStatus device, Action<ShowText, PeerStatus?>? more = null)
    {
        to.Append($"{style.Reset}{style.Green}{style.Bold}interface{style.Reset}: {style.Green}{name}{style.Reset}\n");
        if (device.PrivateKey is { } key)
        {
            Label("public key").AppendBase64(key.PublicKey.Bytes).Append("\n");
            Secret("private key", key.Bytes);
        }

        if (device.ListenPort != 0)
            Line("listening port", $"{device.ListenPort}");
        if (device.FirewallMark != 0)
            Line("fwmark", $"0x{device.FirewallMark:x}");
        if (device.Details is { } details)
            ShowNotes.Write(this, details.Notes, style);
        more?.Invoke(this, null);
        foreach (PeerStatus peer in ByHandshake(device.Peers))
        {
            to.Append($"\n{style.Yellow}{style.Bold}peer{style.Reset}: {style.Yellow}");
            to.AppendBase64(peer.PublicKey.Bytes).Append($"{style.Reset}\n");
            WritePeer(peer);
            more?.Invoke(this, peer);
        }
    }

    /// <summary>Writes "  label: value".</summary>
    public void Line(string label, string value) => Label(label).Append(value).Append("\n");

    /// <summary>The newest handshake first, and those without one last.</summary>
    public static IEnumerable<PeerStatus> ByHandshake(IEnumerable<PeerStatus> peers) => peers
        .OrderByDescending(peer => peer.LastHandshakeSeconds)
        .ThenByDescending(peer => peer.LastHandshakeNanoseconds);

    private void WritePeer(PeerStatus peer)
    {
        if (peer.PresharedKey is { IsZero: false } presharedKey)
            Secret("preshared key", presharedKey.Bytes);
        if (EndpointText.Of(peer) is { } endpoint)
            Line("endpoint", endpoint);
        string allowed = string.Join(", ", peer.AllowedIps.Select(
            prefix => string.Create(CultureInfo.InvariantCulture, $"{Address(prefix)}{style.Unit("/")}{prefix.Length}")));
        Line("allowed ips", allowed.Length == 0 ? "(none)" : allowed);
        if (peer.LastHandshakeSeconds != 0)
            Line("latest handshake", Quantity.Ago(peer.LastHandshakeSeconds, now, style));
        if ((peer.RxBytes | peer.TxBytes) != 0)
            Line("transfer", $"{Quantity.Bytes(peer.RxBytes, style)} received, {Quantity.Bytes(peer.TxBytes, style)} sent");
        if (peer.PersistentKeepalive != 0)
            Line("persistent keepalive", $"every {Quantity.Time(peer.PersistentKeepalive, style)}");
        if (peer.Details?.Note is { } note)
            ShowNotes.Write(this, note, style, now);
    }

    /// <summary>The address of a prefix by inet_ntop(3), which writes ::192.0.2.1 where IpPrefix does not.</summary>
    public static string Address(IpPrefix prefix) =>
        prefix.IsIPv6 ? Sys.FormatIPv6(prefix.Address) : Sys.FormatIPv4((uint)(prefix.Address >> 96));

    private void Secret(string label, ReadOnlySpan<byte> key)
    {
        Label(label);
        (_hidesKeys ? to.Append("(hidden)") : to.AppendBase64(key)).Append("\n");
    }

    private SecretText Label(string label) => to.Append($"  {style.Bold}{label}{style.Reset}: ");
}
