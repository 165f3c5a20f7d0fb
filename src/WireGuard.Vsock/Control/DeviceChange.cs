using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>
/// All that one <c>set</c> asks for, parsed whole. What is null or false stays as it is. <see cref="Dispose"/> wipes the keys
/// that are still here: code that takes a key over sets its property to null.
/// </summary>
internal sealed class DeviceChange : IDisposable
{
    /// <summary>The new key; never all zero, see <see cref="RemovesPrivateKey"/>.</summary>
    internal PrivateKey? PrivateKey { get; set; }

    /// <summary>The all-zero key was given, which removes the key.</summary>
    internal bool RemovesPrivateKey { get; set; }

    /// <summary>0 asks for any free port.</summary>
    internal ushort? ListenPort { get; set; }

    /// <summary>SO_MARK of the sockets; 0 removes it.</summary>
    internal uint? FirewallMark { get; set; }

    /// <summary>Removes every peer there is before <see cref="Peers"/>.</summary>
    internal bool ReplacesPeers { get; set; }

    /// <summary>In place of those there are.</summary>
    internal DeviceNotes? Notes { get; set; }

    /// <summary>In the order given, to be applied in that order; one public key may come several times.</summary>
    internal List<PeerChange> Peers { get; } = [];

    public void Dispose()
    {
        PrivateKey?.Dispose();
        PrivateKey = null;
        foreach (PeerChange peer in Peers)
            peer.Dispose();
    }
}

/// <summary>The change of one peer, which is added if it does not exist.</summary>
internal sealed class PeerChange(PublicKey publicKey) : IDisposable
{
    internal PublicKey PublicKey { get; set; } = publicKey;

    /// <summary>Removes the peer; everything else said of it does not count.</summary>
    internal bool Removes { get; set; }

    /// <summary>If there is no such peer none is made, and nothing else said of it counts.</summary>
    internal bool UpdatesOnly { get; set; }

    /// <summary>The all-zero key removes it.</summary>
    internal PresharedKey? PresharedKey { get; set; }

    /// <summary>Without an <see cref="EndpointName"/> beside it, the peer has no name any more.</summary>
    internal EndpointAddress? Endpoint { get; set; }

    /// <summary>
    /// HOST:PORT (<see cref="HostName"/>), to be resolved by the daemon, now and again when the peer cannot be reached. TCP and
    /// UDP only.
    /// </summary>
    internal string? EndpointName { get; set; }

    /// <summary>Seconds; 0 turns it off.</summary>
    internal ushort? PersistentKeepalive { get; set; }

    /// <summary>Takes every allowed IP from the peer before <see cref="AllowedIps"/>.</summary>
    internal bool ReplacesAllowedIps { get; set; }

    /// <summary>In place of the one there is.</summary>
    internal PeerNote? Note { get; set; }

    /// <summary>In the order given.</summary>
    internal List<AllowedIpChange> AllowedIps { get; } = [];

    public void Dispose()
    {
        PresharedKey?.Dispose();
        PresharedKey = null;
    }
}

/// <summary>Gives a prefix to the peer, taking it from any other, or takes it from the peer if it has it.</summary>
internal readonly record struct AllowedIpChange(IpPrefix Prefix, bool Removes);
