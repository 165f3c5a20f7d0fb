using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The answer to <c>get</c> and, with <see cref="Details"/>, to <c>status</c>. In the daemon its keys belong to the device, and
/// must not be disposed of before it is written; a client that has read one owns them.
/// </summary>
internal sealed record DeviceStatus
{
    internal PrivateKey? PrivateKey { get; init; }

    /// <summary>The port listened on; 0 when there is none.</summary>
    internal ushort ListenPort { get; init; }

    /// <summary>0 for none.</summary>
    internal uint FirewallMark { get; init; }

    internal IEnumerable<PeerStatus> Peers { get; init; } = [];

    /// <summary>What this daemon alone tells; null in the answer to <c>get</c>.</summary>
    internal DeviceDetails? Details { get; init; }

    /// <summary>For a client: wipes the keys that it has read.</summary>
    internal void WipeKeys()
    {
        PrivateKey?.Dispose();
        foreach (PeerStatus peer in Peers)
            peer.PresharedKey?.Dispose();
    }
}

/// <summary>What <c>status</c> tells of the device beside what <c>get</c> does.</summary>
internal sealed record DeviceDetails
{
    internal required NetworkKind Network { get; init; }

    /// <summary>Whether the link is up.</summary>
    internal bool IsUp { get; init; }

    internal int Mtu { get; init; }

    /// <summary>Whether superpackets are taken from peers that know them.</summary>
    internal bool Superpackets { get; init; }

    /// <summary>Which `up` started the daemon, hexadecimal digits; null if none did.</summary>
    internal string? Instance { get; init; }

    /// <summary>The interface's name now, in whatever network namespace it is; null if it has been deleted.</summary>
    internal string? Interface { get; init; }

    /// <summary>
    /// The inode of the network namespace that the daemon was started in, if its interface is there; 0 if it is in another; null
    /// if the kernel does not say.
    /// </summary>
    internal ulong? Namespace { get; init; }

    /// <summary>Of the program: 0.6.0.</summary>
    internal required string Version { get; init; }

    /// <summary>This machine's CID, with VSOCK; null where it cannot be told.</summary>
    internal uint? LocalCid { get; init; }

    /// <summary>Why nothing is listened on though the link is up; null if that is not so.</summary>
    internal string? ListenError { get; init; }

    /// <summary>What confines the daemon, in words; null if an earlier one does not say.</summary>
    internal string? Sandbox { get; init; }

    internal DeviceNotes Notes { get; init; } = new();

    /// <summary>Bytes for keys that the kernel does not keep out of swap.</summary>
    internal long UnlockedBytes { get; init; }

    /// <summary>What was dropped, by reason; those that are zero are left out.</summary>
    internal IEnumerable<Counter> Counters { get; init; } = [];
}

/// <summary>One peer in the answer to <c>get</c>.</summary>
internal sealed record PeerStatus
{
    internal required PublicKey PublicKey { get; init; }

    /// <summary>Null and the all-zero key both mean none.</summary>
    internal PresharedKey? PresharedKey { get; init; }

    internal EndpointAddress? Endpoint { get; init; }

    /// <summary>For a client: the endpoint as the daemon says it; another's daemon may say what is no address.</summary>
    internal string? EndpointText { get; init; }

    /// <summary>Unix time of the last handshake; 0 for never.</summary>
    internal ulong LastHandshakeSeconds { get; init; }

    /// <summary>The rest of that time, under a second.</summary>
    internal uint LastHandshakeNanoseconds { get; init; }

    internal ulong TxBytes { get; init; }

    internal ulong RxBytes { get; init; }

    /// <summary>Seconds; 0 for off.</summary>
    internal ushort PersistentKeepalive { get; init; }

    internal IEnumerable<IpPrefix> AllowedIps { get; init; } = [];

    /// <summary>What this daemon alone tells; null in the answer to <c>get</c>.</summary>
    internal PeerDetails? Details { get; init; }
}

/// <summary>What <c>status</c> tells of a peer beside what <c>get</c> does.</summary>
internal sealed record PeerDetails
{
    /// <summary>HOST:PORT, where the endpoint was given by name.</summary>
    internal string? EndpointName { get; init; }

    /// <summary>Whether both ends of the session take superpackets, and the path is known to pass them.</summary>
    internal bool Superpackets { get; init; }

    /// <summary>Whether there is a session that can be sent in.</summary>
    internal bool HasSession { get; init; }

    /// <summary>What stands in the way of a handshake, in words; null if nothing is known to.</summary>
    internal string? HandshakeError { get; init; }

    /// <summary>Null if it was not provisioned.</summary>
    internal PeerNote? Note { get; init; }

    /// <summary>Packets to the peer that were dropped.</summary>
    internal long DroppedPackets { get; init; }

    /// <summary>Bytes that wait for its connections.</summary>
    internal long QueuedBytes { get; init; }

    /// <summary>Those on which the peer has authenticated, oldest first; none over UDP.</summary>
    internal IEnumerable<ConnectionStatus> Connections { get; init; } = [];
}

/// <summary>One number of the answer to <c>counters</c>.</summary>
internal sealed record Counter(string Name, long Value);
