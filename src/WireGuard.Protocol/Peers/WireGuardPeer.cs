using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// One peer's whole protocol (sections 5 and 6 of the WireGuard paper), without a socket or a clock: bytes and the time go in,
/// bytes and what to do next come out. It belongs to a <see cref="WireGuardDevice{TPeer}"/>, which has our key.
/// <code>
/// any thread:    TrySeal       a packet in, a message to send           WireGuardPeer.Messages.cs
///                TryOpen       a message in, a packet                   (the device's, which finds the peer)
/// owner thread:  Poll          what is to be done now
///                NextDeadline  when to poll next
///                              HELLO, handshakes                        WireGuardPeer.Hello.cs, .Handshakes.cs
/// </code>
/// The owner thread is the one that owns the device. Times are milliseconds of a clock that never goes back, counts while the
/// machine sleeps (CLOCK_BOOTTIME), and is above 0.
/// </summary>
public partial class WireGuardPeer
{
    /// <summary>What <see cref="NextDeadline"/> says when no timer runs.</summary>
    public const long Never = PeerTimers.Never;

    /// <summary>The longest handshake message, an initiation, in bytes.</summary>
    public const int MaxHandshakeSize = InitiationMessage.Size;

    private readonly HandshakeInitiator _initiator = new();
    private readonly CookieGenerator _cookies;
    private IPeerOwner? _owner;

    /// <summary>A peer, to be added to a device.</summary>
    /// <param name="publicKey">Its static public key. One that is a low-order point gets no handshake.</param>
    public WireGuardPeer(PublicKey publicKey)
    {
        Remote = new RemoteIdentity(publicKey, null);
        Keypairs = new KeypairRotation(Retire);
        Activity = Timers.Activity;
        _cookies = new CookieGenerator(Remote.MacKeys);
    }

    /// <summary>The peer's static public key, by which it is known. Any thread.</summary>
    public PublicKey PublicKey => Remote.Static;

    /// <summary>The preshared key that is mixed into handshakes; null for none.</summary>
    internal PresharedKey? PresharedKey => Remote.PresharedKey;

    /// <summary>The persistent keepalive's interval in ms; 0 for none.</summary>
    public int PersistentKeepaliveMs => Timers.PersistentKeepaliveMs;

    /// <summary>Whether a handshake can succeed: there is a private key, and the peer's key is no low-order point.</summary>
    public bool CanHandshake => Remote.CanHandshake;

    internal RemoteIdentity Remote { get; }

    /// <summary>The sessions' keys. Owner thread, but for what says otherwise.</summary>
    internal KeypairRotation Keypairs { get; }

    internal PeerTimers Timers { get; } = new();

    /// <summary>Sets the preshared key, which the peer owns from now on and wipes; all zero means none.</summary>
    /// <exception cref="ObjectDisposedException">The key was disposed of: nothing has changed.</exception>
    public void SetPresharedKey(PresharedKey key) => Remote.SetPresharedKey(key);

    /// <summary>Sets the persistent keepalive (none at first).</summary>
    /// <param name="intervalMs">The interval in ms; 0 for none.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <returns>Whether it was off: then a keepalive is to be sent now.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The interval is negative.</exception>
    public bool SetPersistentKeepalive(int intervalMs, long nowMs) => Timers.SetPersistentKeepalive(intervalMs, nowMs);

    /// <summary>
    /// What to do now. Call it until it returns <see cref="PeerAction.None"/>: when <see cref="NextDeadline"/> has come, and
    /// after <see cref="PeerNews.SessionConfirmed"/>.
    /// </summary>
    /// <param name="nowMs">Boot time in ms.</param>
    public PeerAction Poll(long nowMs)
    {
        if (TryConfirm())
            return PeerAction.SessionConfirmed;
        PeerAction action = Timers.Poll(nowMs);
        if (action == PeerAction.KeysWiped)
            WipeKeys();
        return action;
    }

    /// <summary>
    /// When to call <see cref="Poll"/> next, in ms of boot time; <see cref="Never"/> when only traffic can start a timer. Ask
    /// again after each call that the owner thread makes, and after <see cref="PeerNews.TimerStarted"/>.
    /// </summary>
    /// <param name="nowMs">Boot time in ms.</param>
    public long NextDeadline(long nowMs) => Timers.NextDeadline(nowMs);

    /// <summary>As it is named in a log: four digits of its key, an ellipsis, and four more.</summary>
    public override string ToString() => PublicKey.ToString();

    /// <summary>Whether the peer is or was added to a device: then it cannot be added to any.</summary>
    internal bool HasJoined => _owner is not null;

    /// <summary>The peer was added to a device.</summary>
    internal void Join(IPeerOwner owner, PrivateKey? local)
    {
        _owner = owner;
        Remote.SetLocal(local);
    }

    /// <summary>Takes a new private key of ours, or none. Sessions end: they were made with the old one.</summary>
    internal void SetLocal(PrivateKey? local)
    {
        Remote.SetLocal(local);
        EndSessions();
    }

    /// <summary>Ends every session and the handshake in flight, and stops their timers.</summary>
    internal void EndSessions()
    {
        WipeKeys();
        Timers.Stop();
    }

    /// <summary>Forgets the handshake in flight, the peer's cookie and every keypair; what was configured stays.</summary>
    internal void WipeKeys()
    {
        Free(HandshakeIndex);
        _initiator.Reset();
        _cookies.Forget();
        Keypairs.Clear();
    }

    /// <summary>The peer was removed from its device: wipes every secret. No handshake succeeds any more.</summary>
    internal void Leave()
    {
        WipeKeys();
        Remote.Dispose();
    }

    private void Free(uint index)
    {
        if (index != 0)
            _owner?.FreeIndex(index);
    }

    private void Retire(Keypair keypair)
    {
        // It sends and receives no more from now on, though a thread may still hold it.
        keypair.Expire();
        if (_owner is { } owner)
            owner.Retire(keypair);
        else
            keypair.Wipe();
    }
}
