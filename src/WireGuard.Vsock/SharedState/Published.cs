using System.Collections.Concurrent;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// What control publishes and lanes read, without a lock: an immutable snapshot that is replaced as a whole, and two tables that
/// may be read while they change.
/// </summary>
internal sealed class Published
{
    private volatile Snapshot _snapshot = new(AllowedIps<Peer>.Empty, null, 0);

    /// <summary>The HELLO that we send over streams; null if we send none.</summary>
    public Hello? LocalHello { get; init; }

    public Snapshot Snapshot
    {
        get => _snapshot;
        set => _snapshot = value;
    }

    /// <summary>While it is broken, nothing is sent.</summary>
    public Continuity Continuity { get; init; } = new();

    /// <summary>The receiver indices that we gave out.</summary>
    public IndexTable<Peer> Indices { get; } = new();

    /// <summary>The open stream connections, by id.</summary>
    public ConcurrentDictionary<ulong, StreamConnection> Connections { get; } = new();
}

/// <param name="Routes">Which peer a packet goes to, and may come from.</param>
/// <param name="MacKeys">Ours, to check mac1; null while the device has no private key.</param>
/// <param name="Mtu">The interface's; 0 if unknown.</param>
internal sealed record Snapshot(AllowedIps<Peer> Routes, MacKeys? MacKeys, int Mtu)
{
    /// <summary>Whether there is more than one peer.</summary>
    public bool HasSeveralPeers { get; init; }

    /// <summary>To check mac2; null while the device has no private key.</summary>
    public CookieChecker? Cookies { get; init; }
}
