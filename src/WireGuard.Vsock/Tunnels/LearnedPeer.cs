using System.Globalization;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>What the daemon is given of a peer whose key was learned. Pure.</summary>
internal static class LearnedPeer
{
    /// <summary>
    /// A section with its key, and with an endpoint if it says none: where it was attested, with the port that was learned.
    /// Where that is on another network than the tunnel's, the peer calls.
    /// </summary>
    /// <param name="problem">Why there is no such endpoint.</param>
    public static bool TryMake(
        PeerSettings section, PublicKey key, uint port, NetworkKind network, out PeerSettings learned, out string problem)
    {
        learned = section with { Attest = null, PublicKey = key };
        problem = "";
        TransportAddress address = section.Attest!.Address;
        bool isSaid = section.Endpoint is not null || section.EndpointName is not null;
        bool isThere = address.Network == NetworkKind.Tcp ? network.IsIP : address.Network == network;
        if (isSaid || !isThere)
            return true;
        if (port == 0 || (network.IsIP && port > ushort.MaxValue) || port == Libc.VMADDR_PORT_ANY)
        {
            problem = string.Create(
                CultureInfo.InvariantCulture, $"it listens on port {port}, which cannot be called: give Endpoint");
            return false;
        }

        if (address.IsName)
            learned = learned with { EndpointName = string.Create(CultureInfo.InvariantCulture, $"{address.Host}:{port}") };
        else if ((address with { Port = port }).TryResolved(out EndpointAddress endpoint) && IsOf(network, endpoint))
            learned = learned with { Endpoint = endpoint };
        else
            problem = $"its address is none of the network {network.Word}: give Endpoint";
        return problem.Length == 0;
    }

    /// <summary>Whether no other has the key that a section's peer has shown.</summary>
    /// <param name="key">It.</param>
    /// <param name="address">Where the section is attested.</param>
    /// <param name="status">The daemon's.</param>
    /// <param name="problem">Whose it is.</param>
    public static bool IsFree(PublicKey key, string address, DeviceStatus status, out string problem)
    {
        problem = status.PrivateKey?.PublicKey == key ? "the key it shows is this interface's own"
            : status.Peers.Any(peer => peer.PublicKey == key && peer.Details?.Note?.Attest != address)
                ? OthersKey(key)
            : "";
        return problem.Length == 0;
    }

    /// <summary>What to say of a key that another has, or is about to.</summary>
    public static string OthersKey(PublicKey key) => $"the key it shows, {Convert.ToBase64String(key.Bytes)}, is another peer's";

    /// <param name="address">Where it was attested.</param>
    /// <param name="peer">What it has shown.</param>
    /// <param name="nowSeconds">Unix time.</param>
    public static PeerNote NoteOf(string address, ProvenPeer peer, long nowSeconds) => new()
    {
        Attest = address,
        AttestedAt = peer.IsAttested ? nowSeconds : 0,
        Module = peer.Module,
        Pcrs = peer.Pcrs,
    };

    /// <summary>
    /// The one `set` that gives the daemon the peer in place of the one that its section had before. Of a peer that it has
    /// already, only the note changes, and an endpoint that is another: its session goes on.
    /// </summary>
    public static DeviceChange ChangeTo(
        PeerSettings learned, PeerNote note, IReadOnlyList<PeerStatus> peers, Func<string, PresharedKey> readPresharedKey)
    {
        DeviceChange change = new();
        PeerStatus? same = null;
        foreach (PeerStatus peer in peers)
        {
            if (peer.PublicKey == learned.PublicKey)
                same = peer;
            else if (peer.Details?.Note?.Attest == note.Attest)
                change.Peers.Add(new PeerChange(peer.PublicKey) { Removes = true });
        }

        PeerChange one;
        if (same is null)
        {
            one = learned.ToPeerChange(readPresharedKey);
        }
        else
        {
            one = new PeerChange(learned.PublicKey);
            bool hasName = learned.EndpointName is not null;
            if (learned.EndpointName != same.Details?.EndpointName || (!hasName && learned.Endpoint != same.Endpoint))
                (one.Endpoint, one.EndpointName) = (learned.Endpoint, learned.EndpointName);
        }

        one.Note = note;
        change.Peers.Add(one);
        return change;
    }

    /// <summary>The `set` that takes from the daemon the peers of some sections.</summary>
    /// <param name="addresses">Where those are attested.</param>
    /// <param name="peers">The daemon's.</param>
    public static DeviceChange RemovalOf(IReadOnlySet<string> addresses, IEnumerable<PeerStatus> peers)
    {
        DeviceChange change = new();
        foreach (PeerStatus peer in peers.Where(peer => peer.Details?.Note?.Attest is { } address && addresses.Contains(address)))
            change.Peers.Add(new PeerChange(peer.PublicKey) { Removes = true });
        return change;
    }

    private static bool IsOf(NetworkKind network, EndpointAddress endpoint) =>
        !network.IsIP || (endpoint.IsIPv6 ? network.AllowsIPv6 : network.AllowsIPv4);
}
