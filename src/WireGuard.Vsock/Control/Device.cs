using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The cold state of the interface: the protocol's device, with its key and peers; their allowed IPs, whether it is up. Lanes see
/// all changes at once with <see cref="Publish"/>. Control only.
/// </summary>
internal sealed class Device : WireGuardDevice<Peer>
{
    private readonly GracePeriod _grace;
    private readonly Action _onKeysRetired;
    private AllowedIps<Peer> _routes = AllowedIps<Peer>.Empty;
    private bool _haveKeysRetired;

    /// <param name="published">What lanes see.</param>
    /// <param name="rates">The rate limit of handshake messages, which lanes apply too.</param>
    /// <param name="grace">Disposes of what lanes may still use.</param>
    /// <param name="onKeysRetired">
    /// Called at the end of a turn in which keypairs have ended, to wipe every copy of their keys.
    /// </param>
    public Device(Published published, RateLimiter rates, GracePeriod grace, Action onKeysRetired)
        : base(published.Indices, rates)
    {
        Published = published;
        _grace = grace;
        _onKeysRetired = onKeysRetired;
    }

    public Published Published { get; }

    /// <summary>The port asked for; 0 for an ephemeral one.</summary>
    public ushort ListenPort { get; set; }

    /// <summary>SO_MARK of all sockets; 0 for none.</summary>
    public uint FirewallMark { get; set; }

    public bool IsUp { get; set; }

    /// <summary>What `show` is to tell of its provisioning.</summary>
    public DeviceNotes Notes { get; set; } = new();

    public int Mtu { get; private set; }

    public void SetMtu(int mtu)
    {
        Mtu = mtu;
        Publish();
    }

    /// <summary>Adds a peer that is not there yet.</summary>
    public Peer Add(PublicKey publicKey)
    {
        var peer = new Peer(publicKey);
        Add(peer);
        return peer;
    }

    /// <summary>
    /// Takes out all peers, each to be put back without allowed IPs or, after the next publication, to be
    /// ended (<see cref="Peer.End"/>).
    /// </summary>
    public Dictionary<PublicKey, Peer> WithdrawAll()
    {
        var all = new Dictionary<PublicKey, Peer>(Peers);
        foreach (Peer peer in all.Values)
            TakeOut(peer);
        _routes = AllowedIps<Peer>.Empty;
        return all;
    }

    /// <summary>Takes out a peer, to be ended after the next publication: until then lanes use it.</summary>
    public void Withdraw(Peer peer)
    {
        TakeOut(peer);
        _routes = _routes.WithoutOwner(peer);
    }

    public IReadOnlyCollection<IpPrefix> AllowedIpsOf(Peer peer) => _routes.PrefixesOf(peer);

    public void ClearAllowedIps(Peer peer) => _routes = _routes.WithoutOwner(peer);

    public void AddAllowedIp(Peer peer, IpPrefix prefix) => _routes = _routes.With(prefix, peer);

    public void RemoveAllowedIp(Peer peer, IpPrefix prefix) => _routes = _routes.Without(prefix, peer);

    /// <summary>Lets lanes see what has changed.</summary>
    public void Publish()
    {
        _routes = _routes.WithIndex();
        Published.Snapshot = new Snapshot(_routes, MacKeys, Mtu)
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

    protected override void Retire(IDisposable keys)
    {
        // They are wiped when no lane can be using them.
        _grace.Retire(keys);
        _haveKeysRetired = true;
    }

    protected override void Dispose(bool disposing)
    {
        Dictionary<PublicKey, Peer>.ValueCollection peers = WithdrawAll().Values;
        Publish();
        foreach (Peer peer in peers)
            peer.End();
        base.Dispose(disposing);
    }
}
