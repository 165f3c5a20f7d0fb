using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The answer to <c>get</c>. In the daemon its keys belong to the device, and must not be disposed of before it is written; a
/// client that has read one owns them.
/// </summary>
internal sealed record DeviceStatus
{
    internal PrivateKey? PrivateKey { get; init; }

    /// <summary>The port listened on; 0 when there is none.</summary>
    internal ushort ListenPort { get; init; }

    /// <summary>0 for none.</summary>
    internal uint FirewallMark { get; init; }

    internal IEnumerable<PeerStatus> Peers { get; init; } = [];

    /// <summary>For a client: wipes the keys that it has read.</summary>
    internal void WipeKeys()
    {
        PrivateKey?.Dispose();
        foreach (PeerStatus peer in Peers)
            peer.PresharedKey?.Dispose();
    }
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
}

/// <summary>One number of the answer to <c>counters</c>.</summary>
internal readonly record struct Counter(string Name, long Value);
