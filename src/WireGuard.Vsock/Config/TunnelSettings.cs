using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Config;

/// <summary>What a configuration file says, checked. <see cref="Dispose"/> wipes its keys.</summary>
internal sealed record TunnelSettings(InterfaceSettings Interface, IReadOnlyList<PeerSettings> Peers) : IDisposable
{
    /// <summary>
    /// The one <c>set</c> that gives a device these settings, its peers in place of those it has. What is not said in the file
    /// stays as it is, and peers whose keys are yet to be learned are left out. It holds copies of the keys.
    /// </summary>
    /// <param name="privateKey">The key generated or read from the file named; null for that of the settings, if any.</param>
    /// <param name="readPresharedKey">Reads the file that a peer's PresharedKeyFile names; the key is then the change's.</param>
    internal DeviceChange ToDeviceChange(PrivateKey? privateKey, Func<string, PresharedKey> readPresharedKey)
    {
        PrivateKey? key = privateKey ?? Interface.PrivateKey.Given;
        var change = new DeviceChange
        {
            PrivateKey = key is null ? null : new PrivateKey(key.Bytes),
            ListenPort = Interface.ListenPort,
            FirewallMark = Interface.FwMark,
            ReplacesPeers = true,
        };
        try
        {
            foreach (PeerSettings peer in Peers.Where(peer => peer.Attest is null))
                change.Peers.Add(peer.ToPeerChange(readPresharedKey));
            return change;
        }
        catch
        {
            change.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Interface.PrivateKey.Dispose();
        foreach (PeerSettings peer in Peers)
            peer.PresharedKey.Dispose();
    }
}

/// <summary>The section [Interface]. Null and empty mean that nothing was said.</summary>
internal sealed record InterfaceSettings
{
    internal NetworkKind Network { get; init; } = NetworkKind.Vsock;

    /// <summary>1 to DaemonOptions.MaxStreams; never with UDP.</summary>
    internal int? Streams { get; init; }

    internal bool? Superpackets { get; init; }

    internal KeySource<PrivateKey> PrivateKey { get; init; } = new();

    /// <summary>In the order given, none twice.</summary>
    internal IReadOnlyList<InterfaceAddress> Addresses { get; init; } = [];

    internal ushort? ListenPort { get; init; }

    /// <summary>0 for none, said as such.</summary>
    internal uint? FwMark { get; init; }

    /// <summary>What the network's messages can carry, and what the kernel takes with these addresses.</summary>
    internal int? Mtu { get; init; }

    /// <summary>IP addresses.</summary>
    internal IReadOnlyList<string> DnsServers { get; init; } = [];

    internal IReadOnlyList<string> SearchDomains { get; init; } = [];

    internal RouteTable Table { get; init; } = RouteTable.Auto;

    /// <summary>Hooks, as written; <c>%i</c> stands for the interface's name.</summary>
    internal IReadOnlyList<string> PreUp { get; init; } = [];

    internal IReadOnlyList<string> PostUp { get; init; } = [];

    internal IReadOnlyList<string> PreDown { get; init; } = [];

    internal IReadOnlyList<string> PostDown { get; init; } = [];

    /// <summary>How it is provisioned; null if it is not.</summary>
    internal ProvisionSettings? Provision { get; init; }

    /// <summary>Who may look into the daemon.</summary>
    internal ServiceOptions Service { get; init; } = new();

    /// <summary>Asked for with a warning; nothing is ever saved.</summary>
    internal bool SaveConfig { get; init; }
}

/// <summary>One section [Peer].</summary>
internal sealed record PeerSettings
{
    /// <summary>The default with <see cref="Attest"/>.</summary>
    internal required PublicKey PublicKey { get; init; }

    /// <summary>How the peer's key is learned; null if it is given.</summary>
    internal AttestSettings? Attest { get; init; }

    internal KeySource<PresharedKey> PresharedKey { get; init; } = new();

    /// <summary>In the order given.</summary>
    internal IReadOnlyList<IpPrefix> AllowedIps { get; init; } = [];

    /// <summary>Null if there is none, or it is <see cref="EndpointName"/> and not resolved.</summary>
    internal EndpointAddress? Endpoint { get; init; }

    /// <summary>HOST:PORT, to be resolved; over TCP and UDP only.</summary>
    internal string? EndpointName { get; init; }

    /// <summary>Seconds; 0 for off, said as such.</summary>
    internal ushort? PersistentKeepalive { get; init; }

    /// <summary>The part of a <c>set</c> that gives a peer these settings, its allowed IPs in place of those it has.</summary>
    /// <param name="readPresharedKey">Reads the file that PresharedKeyFile names; the key is then the change's.</param>
    internal PeerChange ToPeerChange(Func<string, PresharedKey> readPresharedKey)
    {
        var change = new PeerChange(PublicKey)
        {
            PresharedKey = PresharedKey.File is { } file ? readPresharedKey(file)
                : PresharedKey.Given is { } given ? new PresharedKey(given.Bytes)
                : null,
            Endpoint = Endpoint,
            EndpointName = EndpointName,
            PersistentKeepalive = PersistentKeepalive,
            ReplacesAllowedIps = true,
        };
        foreach (IpPrefix prefix in AllowedIps)
            change.AllowedIps.Add(new AllowedIpChange(prefix, Removes: false));
        return change;
    }
}
