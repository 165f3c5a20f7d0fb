using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// One peer's whole protocol (sections 5 and 6 of the WireGuard paper), without a socket or a clock: bytes and the time go in,
/// bytes and what is to be done come out. It belongs to a <see cref="WireGuardDevice{TPeer}"/>, which speaks for our key.
/// <code>
/// any thread, at any time:  TrySeal  a packet in, a message to send          (WireGuardPeer.Messages.cs; in: the device's TryOpen)
/// the owner thread:         Poll     what is due; NextDeadline: when to ask again
///                           HELLO                                            (WireGuardPeer.Hello.cs)
/// </code>
/// The owner thread is the one that calls the device: one at a time. Times are milliseconds of a clock that never goes back and
/// counts while the machine sleeps; it may begin anywhere, but not below 1.
/// </summary>
public partial class WireGuardPeer
{
    /// <summary>The deadline of what is not to happen.</summary>
    public const long Never = PeerTimers.Never;

    /// <summary>The longest handshake message, an initiation, in bytes.</summary>
    public const int MaxHandshakeSize = InitiationMessage.Size;

    private readonly HandshakeInitiator _initiator = new();
    private readonly CookieGenerator _cookies;
    private IPeerOwner? _owner;
    private Tai64n _latestTimestamp;
    private long _initiationAcceptedMs = long.MinValue;

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
    public PresharedKey? PresharedKey => Remote.PresharedKey;

    /// <summary>The persistent keepalive's interval in ms; 0 for none.</summary>
    public int PersistentKeepaliveMs => Timers.PersistentKeepaliveMs;

    /// <summary>Whether a handshake can succeed: the device has a private key, and the peer's is none that gives no secret.</summary>
    public bool CanHandshake => Remote.CanHandshake;

    internal RemoteIdentity Remote { get; }

    /// <summary>Any thread may ask for the current one.</summary>
    internal KeypairRotation Keypairs { get; }

    internal PeerTimers Timers { get; } = new();

    /// <summary>The index that our initiation in flight was given; 0 when none waits.</summary>
    internal uint HandshakeIndex => _initiator.LocalIndex;

    /// <summary>Takes a preshared key, which is the peer's to wipe from now on; one that is all zero means none.</summary>
    public void SetPresharedKey(PresharedKey key) => Remote.SetPresharedKey(key);

    /// <summary>Sets the persistent keepalive (none at first).</summary>
    /// <param name="intervalMs">The interval in ms; 0 for none.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <returns>Whether a keepalive is due at once: it was switched on.</returns>
    public bool SetPersistentKeepalive(int intervalMs, long nowMs) => Timers.SetPersistentKeepalive(intervalMs, nowMs);

    /// <summary>
    /// What is to be done now. To be called until it says <see cref="PeerAction.None"/>: when the last
    /// <see cref="NextDeadline"/> has come, and after <see cref="PeerNews.SessionConfirmed"/>.
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
    /// When <see cref="Poll"/> is next to be called, in ms of boot time; <see cref="Never"/> when only traffic can start a timer.
    /// To be asked anew after whatever the owner thread does with the peer, and after <see cref="PeerNews.TimerStarted"/>.
    /// </summary>
    /// <param name="nowMs">Boot time in ms.</param>
    public long NextDeadline(long nowMs) => Timers.NextDeadline(nowMs);

    /// <summary>As a log calls it.</summary>
    public override string ToString() => PublicKey.ToString();

    /// <summary>The peer is one of this device from now on.</summary>
    internal void Join(IPeerOwner owner, PrivateKey? local)
    {
        _owner = owner;
        Remote.SetLocal(local);
    }

    /// <summary>Takes a new private key of ours, or none: what there was was between the peer and someone else.</summary>
    internal void SetLocal(PrivateKey? local)
    {
        Remote.SetLocal(local);
        EndSessions();
    }

    /// <summary>
    /// The path to the peer is new (a connection was made): the next initiation need not wait for REKEY_TIMEOUT.
    /// </summary>
    /// <returns>Whether it may be sent now; else <see cref="Poll"/> asks for it when it may.</returns>
    internal bool AllowInitiation(long nowMs) => Timers.AllowInitiation(nowMs);

    /// <summary>A handshake was to begin, and cannot: there is no path to the peer, or no secret with it.</summary>
    /// <param name="isRetry">See <see cref="WireGuardDevice{TPeer}.TryBegin"/>.</param>
    /// <param name="arePacketsWaiting">Whether packets wait for the session. They must not wait for ever.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    internal void HandshakeImpossible(bool isRetry, bool arePacketsWaiting, long nowMs)
    {
        if (!isRetry)
            Timers.HandshakeWanted();
        if (arePacketsWaiting)
            Timers.HandshakeImpossible(nowMs);
    }

    /// <summary>Whether an initiation may be sent now (section 6.1).</summary>
    /// <param name="isRetry">See <see cref="WireGuardDevice{TPeer}.TryBegin"/>.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    internal bool MayInitiate(bool isRetry, long nowMs)
    {
        if (!isRetry)
            Timers.HandshakeWanted();
        // Traffic must not keep renewing an initiation that goes unanswered: its retransmission notices the silence.
        return CanHandshake && Timers.MayInitiate(nowMs) && (isRetry || !Timers.IsInitiationInFlight);
    }

    /// <summary>Writes an initiation, macs and all, and starts its timer. The index of the one before it is then free.</summary>
    internal bool TryWriteInitiation(
        PrivateKey local, uint localIndex, Tai64n timestamp, Aead aead, long nowMs, Span<byte> message)
    {
        uint old = HandshakeIndex;
        if (!_initiator.TryCreate(local, Remote, localIndex, timestamp, aead, new InitiationMessage(message)))
            return false;
        Free(old);
        _cookies.WriteMacs(message, nowMs);
        Timers.InitiationSent(nowMs);
        return true;
    }

    /// <summary>Takes the response to our initiation. A forged one changes nothing.</summary>
    /// <returns>The new keypair, which is current now, or null. Something must be sent with it, to confirm it.</returns>
    internal Keypair? TryConsumeResponse(PrivateKey local, Aead aead, Span<byte> message, long nowMs)
    {
        Keypair? keypair = _initiator.TryConsumeResponse(local, Remote, aead, new ResponseMessage(message), nowMs);
        if (keypair is null)
            return null;
        Keypairs.BeginAsInitiator(keypair);
        Activity.Received(nowMs);
        Timers.KeypairDerived(nowMs);
        Timers.HandshakeComplete();
        return keypair;
    }

    /// <summary>
    /// Whether an authentic initiation may be answered: it is newer than every one before it, and not too soon after the
    /// last (sections 5.1 and 5.3).
    /// </summary>
    /// <param name="timestamp">The initiation's.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="sinceMs">How long ago one was last accepted, if any was.</param>
    /// <param name="secondsBehind">How far the timestamp is behind the newest.</param>
    internal HandshakeOutcome Accept(Tai64n timestamp, long nowMs, out long sinceMs, out double secondsBehind)
    {
        sinceMs = nowMs - _initiationAcceptedMs;
        secondsBehind = _latestTimestamp.SecondsSince(timestamp);
        if (!timestamp.IsAfter(_latestTimestamp))
            return HandshakeOutcome.InitiationOld;
        if (_initiationAcceptedMs != long.MinValue && sinceMs < Limits.HandshakeInitiationRateMs)
            return HandshakeOutcome.InitiationTooSoon;
        _latestTimestamp = timestamp;
        _initiationAcceptedMs = nowMs;
        Activity.Received(nowMs);
        return HandshakeOutcome.Responded;
    }

    /// <summary>Writes the response to an accepted initiation, macs and all.</summary>
    /// <param name="responder">Holds the initiation, accepted.</param>
    /// <param name="localIndex">A fresh receiver index, which is the keypair's from now on.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="message">Written: <see cref="ResponseMessage.Size"/> bytes.</param>
    /// <returns>The new keypair, which is next now, or null when the initiator's ephemeral key is worthless.</returns>
    internal Keypair? TryRespond(ref HandshakeResponder responder, uint localIndex, long nowMs, Span<byte> message)
    {
        Keypair? keypair = responder.TryRespond(Remote, localIndex, nowMs, new ResponseMessage(message));
        if (keypair is null)
            return null;
        _cookies.WriteMacs(message, nowMs);
        Keypairs.BeginAsResponder(keypair);
        Timers.KeypairDerived(nowMs);
        Timers.ResponseSent(nowMs);
        return keypair;
    }

    /// <summary>If a first message has come in under the next keypair, that becomes the current one.</summary>
    /// <returns>Whether it did: the handshake is complete.</returns>
    internal bool TryConfirm()
    {
        if (!Keypairs.TryConfirm())
            return false;
        Timers.HandshakeComplete();
        return true;
    }

    /// <summary>Takes the peer's cookie. The next initiation, when its timer comes, carries it.</summary>
    internal bool TryConsumeCookieReply(Span<byte> message, long nowMs)
    {
        if (!_cookies.TryConsumeReply(new CookieReplyMessage(message), nowMs))
            return false;
        Timers.CookieReceived();
        return true;
    }

    /// <summary>Forgets every session, the handshake in flight and what was to become of them.</summary>
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

    /// <summary>The peer is no longer its device's: forgets every secret. No handshake succeeds any more.</summary>
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
        // It sends and receives no more from now on, whoever still holds it.
        keypair.Expire();
        if (_owner is { } owner)
            owner.Retire(keypair);
        else
            keypair.Dispose();
    }
}
