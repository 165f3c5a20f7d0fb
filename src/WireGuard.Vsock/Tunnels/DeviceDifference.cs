using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// Takes out of a change what is so already: what is left ends no session that need not end. What a change does not say of a key,
/// a port, a mark or an endpoint stays as it is.
/// </summary>
internal static class DeviceDifference
{
    /// <param name="change">All settings of the device, with all its peers, each once; afterwards, the difference.</param>
    /// <param name="status">What the device has.</param>
    public static void Reduce(DeviceChange change, DeviceStatus status)
    {
        change.ReplacesPeers = false;
        if (change.PrivateKey is { } key && status.PrivateKey is { } current && key.PublicKey == current.PublicKey)
        {
            key.Dispose();
            change.PrivateKey = null;
        }

        if (change.ListenPort == status.ListenPort)
            change.ListenPort = null;
        if (change.FirewallMark == status.FirewallMark)
            change.FirewallMark = null;
        ReducePeers(change.Peers, status.Peers.DistinctBy(peer => peer.PublicKey).ToDictionary(peer => peer.PublicKey));
    }

    private static void ReducePeers(List<PeerChange> changes, Dictionary<PublicKey, PeerStatus> peers)
    {
        // A prefix that several name is the last one's.
        Dictionary<IpPrefix, PublicKey> owners = [];
        foreach (PeerChange change in changes)
        {
            foreach (AllowedIpChange allowedIp in change.AllowedIps)
                owners[allowedIp.Prefix] = change.PublicKey;
        }

        foreach (PeerChange change in changes.ToList())
        {
            _ = change.AllowedIps.RemoveAll(allowedIp => owners[allowedIp.Prefix] != change.PublicKey);
            if (!peers.Remove(change.PublicKey, out PeerStatus? peer))
                continue;
            ReduceKey(change, peer);
            ReduceEndpoint(change, peer);
            change.PersistentKeepalive = change.PersistentKeepalive ?? 0;
            if (change.PersistentKeepalive == peer.PersistentKeepalive)
                change.PersistentKeepalive = null;
            ReduceAllowedIps(change, peer, owners);
            bool isEmpty = change is { PresharedKey: null, Endpoint: null, EndpointName: null, PersistentKeepalive: null }
                && change.Note is null && change.AllowedIps.Count == 0;
            if (isEmpty)
                changes.Remove(change);
        }

        changes.AddRange(peers.Keys.Select(gone => new PeerChange(gone) { Removes = true }));
    }

    /// <summary>Without a preshared key in the file there is to be none.</summary>
    private static void ReduceKey(PeerChange change, PeerStatus peer)
    {
        ReadOnlySpan<byte> none = stackalloc byte[PresharedKey.Size];
        ReadOnlySpan<byte> current = peer.PresharedKey is { } key ? key.Bytes : none;
        ReadOnlySpan<byte> wanted = change.PresharedKey is { } given ? given.Bytes : none;
        if (!CryptographicOperations.FixedTimeEquals(current, wanted))
        {
            change.PresharedKey ??= new PresharedKey(none);
            return;
        }

        change.PresharedKey?.Dispose();
        change.PresharedKey = null;
    }

    private static void ReduceEndpoint(PeerChange change, PeerStatus peer)
    {
        if (change.EndpointName is not null && change.EndpointName == peer.Details?.EndpointName)
            change.EndpointName = null;
        // An address takes the place of a name.
        if (change.Endpoint == peer.Endpoint && peer.Details?.EndpointName is null)
            change.Endpoint = null;
    }

    private static void ReduceAllowedIps(PeerChange change, PeerStatus peer, Dictionary<IpPrefix, PublicKey> owners)
    {
        HashSet<IpPrefix> current = [.. peer.AllowedIps];
        HashSet<IpPrefix> wanted = [.. change.AllowedIps.Select(allowedIp => allowedIp.Prefix)];
        change.ReplacesAllowedIps = false;
        change.AllowedIps.Clear();
        change.AllowedIps.AddRange(wanted.Except(current).Select(prefix => new AllowedIpChange(prefix, Removes: false)));
        // One that another peer is given is taken from this one by that.
        change.AllowedIps.AddRange(current.Except(wanted)
            .Where(prefix => !owners.ContainsKey(prefix))
            .Select(prefix => new AllowedIpChange(prefix, Removes: true)));
    }
}
