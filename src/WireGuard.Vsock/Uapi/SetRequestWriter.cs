using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;

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
        if (change.Notes is { } notes)
            Write(notes, to);
        foreach (PeerChange peer in change.Peers)
            Write(peer, to);
        to.Append("\n");
    }

    private static void Write(DeviceNotes notes, SecretText to)
    {
        to.Append("provision=").Append(notes.Provision ?? "").Append("\n");
        if (notes.ProvisionPort is { } port)
            to.Append("provision_port=").Append(port).Append("\n");
        foreach (AwaitedPeer peer in notes.Awaited.Take(DeviceNotes.MaxAwaited))
            to.Append("awaited=").Append(peer.Address).Append(" ").Append(NoteText.Cleaned(peer.Reason)).Append("\n");
    }

    private static void Write(PeerNote note, SecretText to)
    {
        if (note.Attest is { } address)
        {
            to.Append("attest=").Append(address).Append("\n");
            to.Append("attested_at=").Append((ulong)note.AttestedAt).Append("\n");
        }

        if (note.Module is { } module)
            to.Append("attested_module=").Append(NoteText.Cleaned(module)).Append("\n");
        foreach ((int index, string hex) in note.Pcrs)
            to.Append("attested_pcr=").Append((ulong)index).Append(":").Append(hex).Append("\n");
        // An empty note replaces one that the peer has: it needs a line of its own.
        if (note.ProvisionedAt != 0 || note.Attest is null)
            to.Append("provisioned_at=").Append((ulong)note.ProvisionedAt).Append("\n");
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
        if (peer.Note is { } note)
            Write(note, to);
        if (peer.ReplacesAllowedIps)
            to.Append("replace_allowed_ips=true\n");
        foreach (AllowedIpChange allowed in peer.AllowedIps)
            to.Append(allowed.Removes ? "allowed_ip=-" : "allowed_ip=").Append(allowed.Prefix.ToString()).Append("\n");
    }
}
