using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Writes a <see cref="DeviceChange"/> as the text of a <c>set</c>, keys in the order of <c>wg(8)</c>: the inverse of
/// <see cref="SetRequest"/>.
/// </summary>
internal static class SetRequestWriter
{
    private static readonly byte[] ZeroKey = new byte[PrivateKey.Size];

    public static void Write(DeviceChange change, SecretText to)
    {
        to.Append("set=1\n");
        if (change.PrivateKey is not null)
            to.Append("private_key=").AppendHex(change.PrivateKey.Bytes).Append("\n");
        else if (change.RemovesPrivateKey)
            to.Append("private_key=").AppendHex(ZeroKey).Append("\n");
        if (change.ListenPort is { } port)
            to.Append("listen_port=").Append(port).Append("\n");
        if (change.FirewallMark is { } mark)
            to.Append("fwmark=").Append(mark).Append("\n");
        if (change.ReplacesPeers)
            to.Append("replace_peers=true\n");
        foreach (PeerChange peer in change.Peers)
            Write(peer, to);
        to.Append("\n");
    }

    private static void Write(PeerChange peer, SecretText to)
    {
        to.Append("public_key=").AppendHex(peer.PublicKey.Bytes).Append("\n");
        if (peer.UpdatesOnly)
            to.Append("update_only=true\n");
        if (peer.Removes)
            to.Append("remove=true\n");
        if (peer.PresharedKey is not null)
            to.Append("preshared_key=").AppendHex(peer.PresharedKey.Bytes).Append("\n");
        if (peer.Endpoint is { } endpoint)
            to.Append("endpoint=").Append(endpoint.ToString()).Append("\n");
        if (peer.EndpointName is { } name)
            to.Append("endpoint_name=").Append(name).Append("\n");
        if (peer.PersistentKeepalive is { } seconds)
            to.Append("persistent_keepalive_interval=").Append(seconds).Append("\n");
        if (peer.ReplacesAllowedIps)
            to.Append("replace_allowed_ips=true\n");
        foreach (AllowedIpChange allowed in peer.AllowedIps)
            to.Append(allowed.Removes ? "allowed_ip=-" : "allowed_ip=").Append(allowed.Prefix.ToString()).Append("\n");
    }
}
