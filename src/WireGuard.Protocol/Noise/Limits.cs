namespace WireGuard.Protocol.Noise;

/// <summary>
/// The protocol's constants: section 6.1 of the WireGuard paper, then those that its implementations agree on. Times are
/// milliseconds of boot time.
/// </summary>
internal static class Limits
{
    /// <summary>
    /// REKEY_AFTER_MESSAGES, 2^60: the initiator starts a new handshake after so many messages sent with one key.
    /// </summary>
    public const ulong RekeyAfterMessages = 1UL << 60;

    /// <summary>REJECT_AFTER_MESSAGES, 2^64 - 2^13 - 1: from this counter on a key neither sends nor receives.</summary>
    public const ulong RejectAfterMessages = ulong.MaxValue - (1UL << 13);

    /// <summary>
    /// REKEY_AFTER_TIME, 120 s: the initiator of a session starts a new handshake when it sends with a key this old.
    /// </summary>
    public const long RekeyAfterTimeMs = 120_000;

    /// <summary>
    /// REJECT_AFTER_TIME, 180 s: a key this old neither sends nor receives; three times this wipes all key material.
    /// </summary>
    public const long RejectAfterTimeMs = 180_000;

    /// <summary>REKEY_ATTEMPT_TIME, 90 s: for so long a handshake is tried again before its packets are given up.</summary>
    public const long RekeyAttemptTimeMs = 90_000;

    /// <summary>REKEY_TIMEOUT, 5 s: a handshake without an answer is tried again after this and a jitter.</summary>
    public const long RekeyTimeoutMs = 5_000;

    /// <summary>
    /// The jitter added to REKEY_TIMEOUT is less than this, a third of a second: RekeyTimeoutJitterMaxMs in wireguard-go.
    /// </summary>
    public const int RekeyTimeoutJitterMaxMs = 334;

    /// <summary>KEEPALIVE_TIMEOUT, 10 s: silence after which received data is answered with an empty message.</summary>
    public const long KeepaliveTimeoutMs = 10_000;

    /// <summary>Section 5.4.7, two minutes: a cookie secret changes, and a received cookie expires, after this.</summary>
    public const long CookieRefreshTimeMs = 120_000;

    /// <summary>
    /// One initiation a peer in this time (50 a second) is worked on, the rest is a flood: INITIATIONS_PER_SECOND in Linux.
    /// </summary>
    public const long HandshakeInitiationRateMs = 20;

    /// <summary>
    /// The least time between two initiations to one peer: the above as the responder sees it, even if the first took a slower
    /// path than the second.
    /// </summary>
    public const long InitiationSpacingMs = 50;

    /// <summary>Section 5.4.6: the plaintext of a transport message is padded with zeros to a multiple of 16 bytes.</summary>
    public const int PaddingMultiple = 16;

    /// <summary>REKEY_ATTEMPT_TIME / REKEY_TIMEOUT = 18: MAX_TIMER_HANDSHAKES in the kernel.</summary>
    public const int MaxHandshakeAttempts = (int)(RekeyAttemptTimeMs / RekeyTimeoutMs);

    /// <summary>How long a device stays under load after it was last seen so: UnderLoadAfterTime in wireguard-go.</summary>
    public const long UnderLoadAfterTimeMs = 1_000;

    /// <summary>The most peers of one device: MaxPeers in wireguard-go.</summary>
    public const int MaxPeers = 65_536;

    /// <summary>Counters kept by a replay window, one 64-bit word of them to spare: COUNTER_BITS_TOTAL in the kernel.</summary>
    public const int WindowSize = 8_192;
}
