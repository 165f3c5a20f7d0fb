using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// The handshakes with one peer, as its device drives them:
/// <code>
/// initiator:  MayInitiate  ->  TryWriteInitiation  ->  TryConsumeResponse      (the new keypair is current)
/// responder:  Accept       ->  TryRespond          (the new keypair is next)  ->  TryConfirm (current)
/// </code>
/// Owner thread only.
/// </summary>
public partial class WireGuardPeer
{
    private Tai64n _latestTimestamp;
    private long _initiationAcceptedMs = long.MinValue;

    /// <summary>The index that our initiation in flight was given; 0 when none waits.</summary>
    internal uint HandshakeIndex => _initiator.LocalIndex;

    /// <summary>
    /// The path to the peer is new (a connection was made): the next initiation need not wait for REKEY_TIMEOUT.
    /// </summary>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <returns>
    /// Whether it may be sent now; if not, <see cref="Poll"/> says <see cref="PeerAction.Initiate"/> when it may.
    /// </returns>
    public bool AllowInitiation(long nowMs) => Timers.AllowInitiation(nowMs);

    /// <summary>
    /// A handshake is wanted, and cannot begin: there is no path to the peer, or <see cref="CanHandshake"/> is false.
    /// </summary>
    /// <param name="isRetry">See <see cref="WireGuardDevice{TPeer}.TryBegin"/>.</param>
    /// <param name="arePacketsWaiting">
    /// Whether packets wait for a session: then <see cref="PeerAction.DropStaged"/> follows after 90 s.
    /// </param>
    /// <param name="nowMs">Boot time in ms.</param>
    public void HandshakeImpossible(bool isRetry, bool arePacketsWaiting, long nowMs)
    {
        if (!isRetry)
            Timers.HandshakeWanted();
        if (arePacketsWaiting)
            Timers.HandshakeImpossible(nowMs);
    }

    /// <summary>
    /// Whether nothing was sent yet in the session that we send with: the responder may not send before something was (section
    /// 5.4.3).
    /// </summary>
    internal bool MustConfirm => Keypairs.Current is { NextCounter: 0 };

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
}
