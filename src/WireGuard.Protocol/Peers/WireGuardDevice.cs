using System.Diagnostics.CodeAnalysis;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// What one private key speaks for: its peers, the receiver indices that they were given, and the handshakes with them
/// (WireGuardDevice.Handshakes.cs). Without a socket or a clock.
/// <para>
/// Owned by one thread, but for <see cref="TryOpen"/>, which any thread may call at any time. Who calls it on several threads
/// overrides <see cref="Retire"/>, since one of them may still be using the keys that another has ended.
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
    /// <param name="privateKey">Its own from now on, to be wiped; null for none yet.</param>
    public WireGuardDevice(PrivateKey? privateKey = null)
        : this(new IndexTable<TPeer>(), new RateLimiter()) => SetPrivateKey(privateKey);

    /// <summary>With what other threads than the owner use too.</summary>
    internal WireGuardDevice(IndexTable<TPeer> indices, RateLimiter rates)
    {
        _indices = indices;
        _rates = rates;
    }

    /// <summary>Our static private key; null while there is none. It stays the device's.</summary>
    public PrivateKey? PrivateKey { get; private set; }

    /// <summary>The peers, by their public keys.</summary>
    public IReadOnlyDictionary<PublicKey, TPeer> Peers => _peers;

    /// <summary>To check mac1 of what is sent to us; null while there is no private key.</summary>
    internal MacKeys? MacKeys { get; private set; }

    /// <summary>Checks and gives out cookies for our key; null while there is none.</summary>
    internal CookieChecker? Cookies { get; private set; }

    /// <summary>Takes a new private key, or none. Every session ends: it was with someone else.</summary>
    /// <param name="key">The device's from now on, to be wiped.</param>
    public void SetPrivateKey(PrivateKey? key)
    {
        PrivateKey?.Dispose();
        Cookies?.Dispose();
        PrivateKey = key;
        MacKeys = key is null ? null : new MacKeys(key.PublicKey);
        Cookies = MacKeys is null ? null : new CookieChecker(MacKeys);
        foreach (TPeer peer in _peers.Values)
            peer.SetLocal(key);
    }

    /// <summary>Adds a peer.</summary>
    /// <exception cref="ArgumentException">There is one with that public key.</exception>
    public void Add(TPeer peer)
    {
        _peers.Add(peer.PublicKey, peer);
        peer.Join(this, PrivateKey);
    }

    /// <summary>Takes out a peer and wipes its secrets; it is of no more use.</summary>
    public void Remove(TPeer peer)
    {
        _peers.Remove(peer.PublicKey);
        peer.Leave();
    }

    /// <summary>
    /// Ends all sessions before anything more is sent: the machine was suspended, or it was cloned and another may be using the
    /// same counters. The peers stay.
    /// </summary>
    public void EndSessions()
    {
        foreach (TPeer peer in _peers.Values)
            peer.EndSessions();
    }

    /// <summary>
    /// Finds the peer of a transport message, authenticates it, opens it in place and rejects replays. Any thread.
    /// </summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="message">Of any length and content.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="peer">Whose it is.</param>
    /// <param name="opened">What was in it.</param>
    /// <returns>False when it is none of ours, forged, a replay, or of a session that has ended: nothing has changed.</returns>
    public bool TryOpen(
        Aead aead, Span<byte> message, long nowMs, [NotNullWhen(true)] out TPeer? peer, out OpenedMessage opened)
    {
        peer = null;
        opened = default;
        return MessageTypes.Of(message) == MessageType.Transport
            && _indices.TryFind(TransportMessage.ReceiverIndex(message), out peer, out Keypair? keypair)
            && keypair is not null
            && peer.TryOpen(keypair, aead, message, Extensions.None, nowMs, out opened);
    }

    /// <summary>Wipes every secret.</summary>
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

    /// <summary>Takes out a peer whose sessions live on until it is given to <see cref="PutBack"/> or has to leave.</summary>
    internal void TakeOut(TPeer peer) => _peers.Remove(peer.PublicKey);

    /// <summary>Takes in a peer that was taken out.</summary>
    internal void PutBack(TPeer peer) => _peers.Add(peer.PublicKey, peer);

    /// <summary>
    /// Keys of a session have come to their end: they are disposed of at once, since the calling thread alone uses them. Who uses
    /// several disposes of them when none can be using them any more.
    /// </summary>
    protected virtual void Retire(IDisposable keys) => keys.Dispose();

    protected virtual void Dispose(bool disposing)
    {
        foreach (TPeer peer in _peers.Values)
            peer.Leave();
        _peers.Clear();
        PrivateKey?.Dispose();
        Cookies?.Dispose();
    }
}

/// <summary>What a peer needs of its device, whatever the device's peers are.</summary>
internal interface IPeerOwner
{
    /// <summary>Takes back a receiver index that names nothing any more.</summary>
    void FreeIndex(uint index);

    /// <summary>A keypair has fallen out of use: its index is free, and its keys go when no thread can use them.</summary>
    void Retire(Keypair keypair);
}
