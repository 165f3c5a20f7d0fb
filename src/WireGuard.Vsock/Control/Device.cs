using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The cold state of the interface: its key, its peers, their allowed IPs, whether it is up. Lanes see all changes at once with
/// <see cref="Publish"/>. Control only.
/// </summary>
internal sealed class Device : IDisposable
{
    private readonly GracePeriod _grace;
    private readonly Action _onKeysRetired;
    private AllowedIps<Peer> _routes = AllowedIps<Peer>.Empty;
    private MacKeys? _macKeys;
    private bool _haveKeysRetired;

    /// <param name="published">What lanes see.</param>
    /// <param name="grace">Disposes of what lanes may still use.</param>
    /// <param name="onKeysRetired">
    /// Called at the end of a turn in which keypairs have ended, to wipe every copy of their keys.
    /// </param>
    public Device(Published published, GracePeriod grace, Action onKeysRetired)
    {
        Published = published;
        _grace = grace;
        _onKeysRetired = onKeysRetired;
    }

    public Published Published { get; }

    public Dictionary<PublicKey, Peer> Peers { get; } = [];

    public PrivateKey? PrivateKey { get; private set; }

    /// <summary>Checks and gives out cookies for our key; null while there is none.</summary>
    public CookieChecker? Cookies { get; private set; }

    /// <summary>The port asked for; 0 for an ephemeral one.</summary>
    public ushort ListenPort { get; set; }

    /// <summary>SO_MARK of all sockets; 0 for none.</summary>
    public uint FirewallMark { get; set; }

    public bool IsUp { get; set; }

    public int Mtu { get; private set; }

    public void SetMtu(int mtu)
    {
        Mtu = mtu;
        Publish();
    }

    /// <summary>Takes a new private key, or none. Every session ends: it was with someone else. To be published.</summary>
    public void SetPrivateKey(PrivateKey? key)
    {
        PrivateKey?.Dispose();
        Cookies?.Dispose();
        PrivateKey = key;
        _macKeys = key is null ? null : new MacKeys(key.PublicKey);
        Cookies = _macKeys is null ? null : new CookieChecker(_macKeys);
        foreach (Peer peer in Peers.Values)
        {
            peer.Remote.SetLocal(key);
            WipeKeys(peer);
            peer.Timers.Stop();
        }
    }

    /// <summary>Adds a peer that is not there yet.</summary>
    public Peer Add(PublicKey publicKey)
    {
        var peer = new Peer(publicKey, PrivateKey, Retire);
        Peers.Add(publicKey, peer);
        return peer;
    }

    /// <summary>
    /// Takes out all peers, each to be given to <see cref="PutBack"/> or, after the next publication, to <see cref="End"/>.
    /// </summary>
    public Dictionary<PublicKey, Peer> TakeAll()
    {
        var all = new Dictionary<PublicKey, Peer>(Peers);
        Peers.Clear();
        _routes = AllowedIps<Peer>.Empty;
        return all;
    }

    /// <summary>Takes in a peer that was taken out; its session never ended. It has no allowed IPs.</summary>
    public void PutBack(Peer peer) => Peers.Add(peer.PublicKey, peer);

    /// <summary>Takes out a peer, to be given to <see cref="End"/> after the next publication: until then lanes use it.</summary>
    public void Remove(Peer peer)
    {
        Peers.Remove(peer.PublicKey);
        _routes = _routes.WithoutOwner(peer);
    }

    /// <summary>Ends the session of a peer that lanes no longer find; its secrets are wiped when none can use them.</summary>
    public void End(Peer peer)
    {
        peer.IsRemoved = true;
        WipeKeys(peer);
        peer.CountDropped(peer.Staged.Clear());
        _grace.Retire(peer);
    }

    public IReadOnlyCollection<IpPrefix> AllowedIpsOf(Peer peer) => _routes.PrefixesOf(peer);

    public void ClearAllowedIps(Peer peer) => _routes = _routes.WithoutOwner(peer);

    public void AddAllowedIp(Peer peer, IpPrefix prefix) => _routes = _routes.With(prefix, peer);

    public void RemoveAllowedIp(Peer peer, IpPrefix prefix) => _routes = _routes.Without(prefix, peer);

    /// <summary>Lets lanes see what has changed.</summary>
    public void Publish()
    {
        _routes = _routes.WithIndex();
        Published.Snapshot = new Snapshot(_routes, _macKeys, Mtu)
        {
            Cookies = Cookies,
            HasSeveralPeers = Peers.Count > 1,
        };
    }

    /// <summary>
    /// To be called at the end of each turn of control. Here lanes are woken to let go of keys: once, however many keypairs have
    /// ended.
    /// </summary>
    public void EndTurn()
    {
        if (!_haveKeysRetired)
            return;
        _haveKeysRetired = false;
        _onKeysRetired();
    }

    /// <summary>Ends the peer's session and its handshake in flight.</summary>
    public void WipeKeys(Peer peer)
    {
        if (peer.HandshakeIndex != 0)
            Published.Indices.Free(peer.HandshakeIndex);
        peer.WipeKeys();
    }

    /// <summary>
    /// Ends all sessions before anything more is sent: the machine was suspended or cloned, and another may be using the same
    /// counters.
    /// </summary>
    public void ExpireSessions()
    {
        foreach (Peer peer in Peers.Values)
        {
            WipeKeys(peer);
            peer.Timers.Stop();
        }
    }

    public void Dispose()
    {
        Dictionary<PublicKey, Peer>.ValueCollection peers = TakeAll().Values;
        Publish();
        foreach (Peer peer in peers)
            End(peer);
        PrivateKey?.Dispose();
        Cookies?.Dispose();
    }

    private void Retire(Keypair keypair)
    {
        // It sends and receives no more from now on; its keys are wiped when no lane can be using them.
        keypair.Expire();
        Published.Indices.Free(keypair.LocalIndex);
        _grace.Retire(keypair);
        _haveKeysRetired = true;
    }
}
