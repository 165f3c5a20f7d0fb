using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// The timers of one peer (section 6 of the paper), as deadlines that its owner polls:
/// <code>
/// timer                started by                    stopped by                due after                      asks for
/// initiate             a connection made, too soon   initiation sent, complete what is left of 50 ms          Initiate
/// retransmit           an initiation sent            handshake complete        REKEY_TIMEOUT + jitter         RetryHandshake*
/// staged               packets wait, no path to peer an initiation sent        REKEY_ATTEMPT_TIME             DropStaged
/// new handshake        data sent (first unanswered)  anything received         KEEPALIVE + REKEY_TIMEOUT + j. BeginHandshake
/// passive keepalive    data received (unanswered)    anything sent            KEEPALIVE_TIMEOUT              SendKeepalive
/// persistent keepalive its setting; sent, received   its setting, 0            the setting                    SendKeepalive
/// zero keys            keypair derived; given up     a newer one (starts anew) 3 * REJECT_AFTER_TIME          KeysWiped
/// * at last AbandonHandshake
/// </code>
/// "New handshake" and "passive keepalive" are started and stopped by lanes through <see cref="Activity"/>. Owned by one thread.
/// </summary>
internal sealed class PeerTimers
{
    /// <summary>The deadline of a timer that does not run.</summary>
    public const long Never = long.MaxValue;

    private long _initiateAt = Never;
    private long _retransmitAt = Never;
    private long _dropStagedAt = Never;
    private long _zeroKeysAt = Never;
    private long _persistentSince;
    private long _handshakeSentAt = long.MinValue;
    private long _initiationSentAt = long.MinValue;
    private long _initiateFrom = long.MinValue;
    private long _jitterMs = NewJitter();
    private int _attempts;
    private int _persistentKeepaliveMs;
    private bool _hasTakenCookie;

    /// <summary>What lanes note for these timers.</summary>
    public Activity Activity { get; } = new();

    /// <summary>The persistent keepalive's interval in ms, 0 for none.</summary>
    public int PersistentKeepaliveMs => _persistentKeepaliveMs;

    /// <summary>Whether an initiation waits for its response or its retransmission.</summary>
    public bool IsInitiationInFlight => _retransmitAt != Never;

    /// <summary>When the last initiation, or response, was sent; <see cref="long.MinValue"/> if none was.</summary>
    public long HandshakeSentMs => _handshakeSentAt;

    /// <summary>
    /// Whether the last initiation has had no answer. A cookie counts as one, within the limits of <see cref="CookieReceived"/>.
    /// </summary>
    public bool IsInitiationUnanswered { get; private set; }

    /// <summary>Sets the persistent keepalive.</summary>
    /// <returns>Whether a keepalive is due at once: it was switched on.</returns>
    public bool SetPersistentKeepalive(int intervalMs, long nowMs)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(intervalMs);
        bool switchedOn = _persistentKeepaliveMs == 0 && intervalMs > 0;
        _persistentKeepaliveMs = intervalMs;
        // Set again, it goes on: a configuration that is applied over and over must not put the keepalive off for ever.
        if (switchedOn)
            _persistentSince = nowMs;
        return switchedOn;
    }

    /// <summary>
    /// Whether REKEY_TIMEOUT has passed since the last initiation or response, or what <see cref="AllowInitiation"/> asks for: an
    /// initiation must not be sent sooner.
    /// </summary>
    public bool MayInitiate(long nowMs) => nowMs >= _initiateFrom;

    /// <summary>An initiation is to be sent because of traffic or the user, not because the last one was lost.</summary>
    public void HandshakeWanted() => _attempts = 0;

    /// <summary>Packets wait for a session, and no initiation can be sent: they must not wait for ever.</summary>
    public void HandshakeImpossible(long nowMs)
    {
        if (_dropStagedAt == Never && !IsInitiationInFlight)
            _dropStagedAt = nowMs + Limits.RekeyAttemptTimeMs;
    }

    /// <summary>An initiation was sent.</summary>
    public void InitiationSent(long nowMs)
    {
        _initiateAt = Never;
        _dropStagedAt = Never;
        HandshakeSent(nowMs);
        _initiationSentAt = nowMs;
        IsInitiationUnanswered = true;
        _jitterMs = NewJitter();
        _retransmitAt = nowMs + Limits.RekeyTimeoutMs + _jitterMs;
    }

    /// <summary>A response was sent.</summary>
    public void ResponseSent(long nowMs) => HandshakeSent(nowMs);

    /// <summary>
    /// The peer is under load and gave us a cookie: the retransmission will carry it, so the connection is kept for it. This
    /// holds for the first cookie of an attempt only: one who sees our initiations and knows the peer's public key can make
    /// cookies too, and must not keep us on a dead connection for ever.
    /// </summary>
    public void CookieReceived()
    {
        if (_hasTakenCookie)
            return;
        _hasTakenCookie = true;
        IsInitiationUnanswered = false;
    }

    /// <summary>A keypair was derived.</summary>
    public void KeypairDerived(long nowMs) => _zeroKeysAt = nowMs + (3 * Limits.RejectAfterTimeMs);

    /// <summary>The handshake is complete: we may send, and know the peer is there.</summary>
    public void HandshakeComplete()
    {
        _initiateAt = Never;
        _retransmitAt = Never;
        _dropStagedAt = Never;
        _attempts = 0;
        _hasTakenCookie = false;
    }

    /// <summary>
    /// The path to the peer is new (a connection was made): the next initiation need not wait for REKEY_TIMEOUT, only for
    /// <see cref="Limits.InitiationSpacingMs"/>, so that the responder does not take it for a flood.
    /// </summary>
    /// <returns>Whether it may be sent now; else it is asked for when it may.</returns>
    public bool AllowInitiation(long nowMs)
    {
        IsInitiationUnanswered = false;
        _hasTakenCookie = false;
        _initiateFrom = _initiationSentAt == long.MinValue
            ? nowMs
            : Math.Max(nowMs, _initiationSentAt + Limits.InitiationSpacingMs);
        _initiateAt = _initiateFrom > nowMs ? _initiateFrom : Never;
        return _initiateAt == Never;
    }

    /// <summary>Stops every timer but the persistent keepalive: the peer's sessions have ended.</summary>
    public void Stop()
    {
        _initiateAt = Never;
        _retransmitAt = Never;
        _dropStagedAt = Never;
        _zeroKeysAt = Never;
        _attempts = 0;
        _hasTakenCookie = false;
        _initiateFrom = long.MinValue;
        Activity.HandshakeBegan();
        Activity.KeepaliveDue();
    }

    /// <summary>What is due now. To be called until it says <see cref="PeerAction.None"/>.</summary>
    public PeerAction Poll(long nowMs)
    {
        if (nowMs >= _initiateAt)
        {
            _initiateAt = Never;
            return PeerAction.Initiate;
        }

        if (nowMs >= _retransmitAt)
            return Retransmit(nowMs);
        if (nowMs >= _dropStagedAt)
        {
            _dropStagedAt = Never;
            return PeerAction.DropStaged;
        }

        if (nowMs >= NewHandshakeAt)
        {
            Activity.HandshakeBegan();
            return PeerAction.BeginHandshake;
        }

        if (nowMs >= PassiveKeepaliveAt)
        {
            Activity.KeepaliveDue();
            return PeerAction.SendKeepalive;
        }

        if (nowMs >= PersistentKeepaliveAt)
        {
            _persistentSince = nowMs;
            return PeerAction.SendKeepalive;
        }

        if (nowMs >= _zeroKeysAt)
        {
            _zeroKeysAt = Never;
            return PeerAction.KeysWiped;
        }

        return PeerAction.None;
    }

    /// <summary>
    /// When <see cref="Poll"/> is next to be called, in ms of boot time; <see cref="Never"/> when only traffic can start a timer.
    /// </summary>
    public long NextDeadline(long nowMs)
    {
        long ofControl = Math.Min(
            _initiateAt, Math.Min(Math.Min(_retransmitAt, _dropStagedAt), Math.Min(_zeroKeysAt, PersistentKeepaliveAt)));
        Activity.Watch();
        long ofLanes = Math.Min(NewHandshakeAt, PassiveKeepaliveAt);
        if (ofLanes == Never && Activity.TryStopWatching())
            return ofControl;
        // Lanes tell nothing while we watch: look again before a timer that they start from now on can be due.
        return Math.Min(ofControl, Math.Min(ofLanes, nowMs + Limits.KeepaliveTimeoutMs));
    }

    private long NewHandshakeAt =>
        After(Activity.SentUnansweredSince, Limits.KeepaliveTimeoutMs + Limits.RekeyTimeoutMs + _jitterMs);

    private long PassiveKeepaliveAt => After(Activity.ReceivedUnansweredSince, Limits.KeepaliveTimeoutMs);

    private long PersistentKeepaliveAt => _persistentKeepaliveMs == 0
        ? Never
        : Math.Max(Activity.LastTraversal, _persistentSince) + _persistentKeepaliveMs;

    private void HandshakeSent(long nowMs)
    {
        _handshakeSentAt = nowMs;
        _initiateFrom = nowMs + Limits.RekeyTimeoutMs;
        Activity.Sent(nowMs);
    }

    private PeerAction Retransmit(long nowMs)
    {
        _retransmitAt = Never;
        if (_attempts >= Limits.MaxHandshakeAttempts)
        {
            _attempts = 0;
            _hasTakenCookie = false;
            if (_zeroKeysAt == Never)
                _zeroKeysAt = nowMs + (3 * Limits.RejectAfterTimeMs);
            return PeerAction.AbandonHandshake;
        }

        _attempts++;
        // In case the initiation cannot be sent now: there is no path to the peer, or a response was sent too recently.
        _retransmitAt = nowMs + Limits.RekeyTimeoutMs + NewJitter();
        return PeerAction.RetryHandshake;
    }

    private static long After(long since, long delayMs) => since == 0 ? Never : since + delayMs;

    private static long NewJitter() => Random.Shared.Next(Limits.RekeyTimeoutJitterMaxMs);
}
