using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// One peer's state machine: its handshakes, keypairs, cookies and timers, without a socket or a clock. Bytes and the time go in,
/// bytes and a decision come out. Owned by one thread, but for <see cref="PeerTimers.Activity"/> and
/// <see cref="KeypairRotation.Current"/>.
/// <code>
/// initiator:  TryWriteInitiation  ->  TryConsumeResponse      (the new keypair is current)
/// responder:  TryAccept           ->  TryRespond              (the new keypair is next)  ->  TryConfirm (current)
/// </code>
/// </summary>
public class WireGuardPeer : IDisposable
{
    private readonly HandshakeInitiator _initiator = new();
    private readonly CookieGenerator _cookies;
    private Tai64n _latestTimestamp;
    private long _initiationAcceptedMs = long.MinValue;

    /// <param name="remoteStatic">The peer's static public key.</param>
    /// <param name="local">Our static private key; null while the device has none.</param>
    /// <param name="retire">Called with each keypair that falls out of use.</param>
    public WireGuardPeer(PublicKey remoteStatic, PrivateKey? local, Action<Keypair> retire)
    {
        Remote = new RemoteIdentity(remoteStatic, local);
        Keypairs = new KeypairRotation(retire);
        _cookies = new CookieGenerator(Remote.MacKeys);
    }

    /// <summary>The peer's static public key, by which it is known.</summary>
    public PublicKey PublicKey => Remote.Static;

    public RemoteIdentity Remote { get; }

    public KeypairRotation Keypairs { get; }

    public PeerTimers Timers { get; } = new();

    /// <summary>What lanes note for the timers. Any thread.</summary>
    public Activity Activity => Timers.Activity;

    /// <summary>The index that our initiation in flight was given; 0 when none waits.</summary>
    public uint HandshakeIndex => _initiator.LocalIndex;

    /// <summary>When an initiation was last accepted, in ms of boot time; <see cref="long.MinValue"/> if none was.</summary>
    public long InitiationAcceptedMs => _initiationAcceptedMs;

    /// <summary>The newest timestamp that was accepted.</summary>
    public Tai64n LatestTimestamp => _latestTimestamp;

    /// <summary>Writes an initiation, macs and all, and starts its timer.</summary>
    /// <param name="local">Our static private key.</param>
    /// <param name="localIndex">A fresh receiver index. The one before it (<see cref="HandshakeIndex"/>) is then free.</param>
    /// <param name="timestamp">Later than every one before it.</param>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="message">Written: <see cref="InitiationMessage.Size"/> bytes.</param>
    /// <returns>False when no handshake is possible with this peer.</returns>
    public bool TryWriteInitiation(
        PrivateKey local, uint localIndex, Tai64n timestamp, Aead aead, long nowMs, Span<byte> message)
    {
        if (!_initiator.TryCreate(local, Remote, localIndex, timestamp, aead, new InitiationMessage(message)))
            return false;
        _cookies.WriteMacs(message, nowMs);
        Timers.InitiationSent(nowMs);
        return true;
    }

    /// <summary>Takes the response to our initiation. A forged one changes nothing.</summary>
    /// <returns>The new keypair, which is current now, or null. Something must be sent with it, to confirm it.</returns>
    public Keypair? TryConsumeResponse(PrivateKey local, Aead aead, Span<byte> message, long nowMs)
    {
        Keypair? keypair = _initiator.TryConsumeResponse(local, Remote, aead, new ResponseMessage(message), nowMs);
        if (keypair is null)
            return null;
        Keypairs.BeginAsInitiator(keypair);
        Timers.Activity.Received(nowMs);
        Timers.KeypairDerived(nowMs);
        Timers.HandshakeComplete();
        return keypair;
    }

    /// <summary>
    /// Whether an authentic initiation may be answered: it is newer than every one before it, and not too soon after the
    /// last (sections 5.1 and 5.3).
    /// </summary>
    public bool TryAccept(Tai64n timestamp, long nowMs)
    {
        bool isFlood = _initiationAcceptedMs != long.MinValue
            && nowMs - _initiationAcceptedMs < Limits.HandshakeInitiationRateMs;
        if (!timestamp.IsAfter(_latestTimestamp) || isFlood)
            return false;
        _latestTimestamp = timestamp;
        _initiationAcceptedMs = nowMs;
        Timers.Activity.Received(nowMs);
        return true;
    }

    /// <summary>Writes the response to an accepted initiation, macs and all.</summary>
    /// <param name="responder">Holds the initiation, accepted.</param>
    /// <param name="localIndex">A fresh receiver index, which is the keypair's from now on.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="message">Written: <see cref="ResponseMessage.Size"/> bytes.</param>
    /// <returns>The new keypair, which is next now, or null when the initiator's ephemeral key is worthless.</returns>
    public Keypair? TryRespond(ref HandshakeResponder responder, uint localIndex, long nowMs, Span<byte> message)
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
    public bool TryConfirm()
    {
        if (!Keypairs.TryConfirm())
            return false;
        Timers.HandshakeComplete();
        return true;
    }

    /// <summary>Takes the peer's cookie. The next initiation, when its timer comes, carries it.</summary>
    public bool TryConsumeCookieReply(Span<byte> message, long nowMs)
    {
        if (!_cookies.TryConsumeReply(new CookieReplyMessage(message), nowMs))
            return false;
        Timers.CookieReceived();
        return true;
    }

    /// <summary>Forgets the handshake in flight, the peer's cookie and every keypair; what was configured stays.</summary>
    public void WipeKeys()
    {
        _initiator.Reset();
        _cookies.Forget();
        Keypairs.Clear();
    }

    /// <summary>As the log calls it.</summary>
    public override string ToString() => PublicKey.ToString();

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        WipeKeys();
        _cookies.Dispose();
        Remote.Dispose();
    }
}
