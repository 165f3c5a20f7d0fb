using System.Diagnostics.CodeAnalysis;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// A private key, its peers, the receiver indices that it has given out, and the handshakes (WireGuardDevice.Handshakes.cs).
/// Without a socket or a clock.
/// <para>
/// Owned by one thread, except for <see cref="TryOpen"/>, which any thread may call at any time. When the owner ends a session,
/// its keys are wiped at once, and calls of other threads that are using them return false (see <see cref="Retire"/>).
/// </para>
/// </summary>
/// <typeparam name="TPeer">The caller's type of a peer; <see cref="WireGuardPeer"/> itself will do.</typeparam>
public partial class WireGuardDevice<TPeer> : IPeerOwner, IDisposable
    where TPeer : WireGuardPeer
{
    private readonly Dictionary<PublicKey, TPeer> _peers = [];
    private readonly IndexTable<TPeer> _indices;
    private readonly RateLimiter _rates;

    /// <summary>A device without peers.</summary>
    /// <param name="privateKey">The device owns it from now on, and wipes it; null for none yet.</param>
    public WireGuardDevice(PrivateKey? privateKey = null)
        : this(new IndexTable<TPeer>(), new RateLimiter()) => SetPrivateKey(privateKey);

    /// <summary>With an index table and a rate limit that other threads use, too.</summary>
    internal WireGuardDevice(IndexTable<TPeer> indices, RateLimiter rates)
    {
        _indices = indices;
        _rates = rates;
    }

    /// <summary>Our static private key, which the device owns; null while there is none.</summary>
    public PrivateKey? PrivateKey { get; private set; }

    /// <summary>The peers, by their public keys.</summary>
    public IReadOnlyDictionary<PublicKey, TPeer> Peers => _peers;

    /// <summary>For the mac1 of messages to us; null while there is no private key.</summary>
    internal MacKeys? MacKeys { get; private set; }

    /// <summary>Checks and gives out cookies for our key; null while there is none.</summary>
    internal CookieChecker? Cookies { get; private set; }

    /// <summary>Sets the private key, or none. Every session ends: it was made with the old one.</summary>
    /// <param name="key">
    /// The device owns it from now on, and wipes it when it is replaced. Setting the same object again changes nothing.
    /// </param>
    /// <exception cref="ObjectDisposedException">The key was disposed of: nothing has changed.</exception>
    public void SetPrivateKey(PrivateKey? key)
    {
        if (key is not null && ReferenceEquals(key, PrivateKey))
            return;
        // Throws before anything has changed.
        _ = key is null ? default : key.Bytes;
        (PrivateKey? old, CookieChecker? oldCookies) = (PrivateKey, Cookies);
        PrivateKey = key;
        MacKeys = key is null ? null : new MacKeys(key.PublicKey);
        Cookies = MacKeys is null ? null : new CookieChecker(MacKeys);
        foreach (TPeer peer in _peers.Values)
            peer.SetLocal(key);
        oldCookies?.Dispose();
        old?.Dispose();
    }

    /// <summary>Adds a peer.</summary>
    /// <exception cref="ArgumentException">There is another with that public key.</exception>
    /// <exception cref="InvalidOperationException">The peer is, or was, one of this device or of another.</exception>
    public void Add(TPeer peer)
    {
        if (peer.HasJoined)
            throw new InvalidOperationException("The peer is, or was, a device's.");
        _peers.Add(peer.PublicKey, peer);
        peer.Join(this, PrivateKey);
    }

    /// <summary>
    /// Removes a peer and wipes its secrets. It cannot be added again. Does nothing if this object is not a peer of the device,
    /// even if another with the same public key is.
    /// </summary>
    public void Remove(TPeer peer)
    {
        if (!_peers.TryGetValue(peer.PublicKey, out TPeer? ours) || !ReferenceEquals(ours, peer))
            return;
        _peers.Remove(peer.PublicKey);
        peer.Leave();
    }

    /// <summary>
    /// Ends all sessions; the peers stay. For a machine that was suspended, or cloned: a copy of it may use the same counters, so
    /// nothing more may be sent with these keys.
    /// </summary>
    public void EndSessions()
    {
        foreach (TPeer peer in _peers.Values)
            peer.EndSessions();
    }

    /// <summary>
    /// Finds the peer of a transport message, authenticates it, opens it in place and rejects replays. Any thread.
    /// <para>
    /// The peer chose what was in it, which may be no IP packet: the caller checks the IP header, cuts the payload at the length
    /// that it says, and drops the packet unless the peer may send from its source address.
    /// </para>
    /// </summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="message">Of any length and content. When the answer is false, of no use any more.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="peer">The peer that sent it.</param>
    /// <param name="opened">What was in it.</param>
    /// <returns>
    /// False when it is none of ours, forged, a replay, or of a session that has ended, perhaps during the call: nothing has
    /// changed.
    /// </returns>
    public bool TryOpen(
        Aead aead, Span<byte> message, long nowMs, [NotNullWhen(true)] out TPeer? peer, out OpenedMessage opened)
    {
        peer = null;
        opened = default;
        return MessageTypes.Of(message) == MessageType.Transport
            && _indices.TryFind(TransportMessage.ReceiverIndex(message), out peer, out Keypair? keypair)
            && keypair is not null
            && peer.TryOpen(keypair, aead, message, nowMs, out opened);
    }

    /// <summary>Wipes every secret. From then on the device answers nothing, and begins nothing.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    void IPeerOwner.FreeIndex(uint index) => _indices.Free(index);

    void IPeerOwner.Retire(Keypair keypair)
    {
        _indices.Free(keypair.LocalIndex);
        Retire(keypair);
    }

    /// <summary>Takes out a peer that keeps its sessions, until it is put back or leaves.</summary>
    internal void TakeOut(TPeer peer) => _peers.Remove(peer.PublicKey);

    /// <summary>Takes in a peer that was taken out.</summary>
    internal void PutBack(TPeer peer) => _peers.Add(peer.PublicKey, peer);

    /// <summary>
    /// The keys of a session that has ended are to be wiped, by disposing of them. Here that happens at once: calls of other
    /// threads that are using them return false, so that what they were sealing or opening is lost. An override may wait until no
    /// thread can be using them. Each thread that used them has copies left until it calls <see cref="Aead.Forget"/>. Owner
    /// thread.
    /// </summary>
    protected virtual void Retire(IDisposable keys) => ((Keypair)keys).Wipe();

    protected virtual void Dispose(bool disposing)
    {
        foreach (TPeer peer in _peers.Values)
            peer.Leave();
        _peers.Clear();
        PrivateKey?.Dispose();
        Cookies?.Dispose();
        (PrivateKey, MacKeys, Cookies) = (null, null, null);
    }
}

/// <summary>What a peer needs of its device, whatever the type of the device's peers.</summary>
internal interface IPeerOwner
{
    /// <summary>Frees a receiver index.</summary>
    void FreeIndex(uint index);

    /// <summary>A keypair is no longer used: frees its index, and has its keys wiped once no thread can be using them.</summary>
    void Retire(Keypair keypair);
}
