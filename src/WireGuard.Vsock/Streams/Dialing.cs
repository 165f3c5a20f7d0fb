using WireGuard.Protocol.Noise;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The attempts to dial a peer's endpoint, for a first connection or for an extra one: when the next is due. Its state follows
/// from its fields:
/// <code>
/// idle         --wanted------------------------------------------------------> due
/// due          --NotBeforeMs-------------------------------------------------> an attempt (Connecting, Unauthenticated)
///              --not wanted for REKEY_ATTEMPT_TIME, not needed, reset--------> idle
/// an attempt   --failed: NotBeforeMs is later--------------------------------> due
///              --connected, but an extra one is not needed any more----------> due
///              --the peer authenticates on it, or another one does, reset----> idle
/// </code>
/// The backoff begins anew after a connection that lasted 10 s: one that breaks sooner is a failed attempt, even if the peer has
/// authenticated on it. Control only.
/// </summary>
/// <param name="random">For the delays.</param>
internal sealed class Dialing(Random random)
{
    public const int MinBackoffMs = 500;
    public const int MaxBackoffMs = 30_000;

    /// <summary>How long a connection may take to come about.</summary>
    public const int ConnectTimeoutMs = 10_000;

    /// <summary>A connection that breaks sooner counts as a failed attempt.</summary>
    public const int ProvenMs = 10_000;

    private int _backoffMs = MinBackoffMs;

    /// <summary>The connection that is being made, or that was made and is unauthenticated.</summary>
    public PeerConnection? Attempt { get; set; }

    /// <summary>Whether a handshake message was sent on it: an answer may come there.</summary>
    public bool HasCalled { get; set; }

    /// <summary>Before this time it is not dialled again; 0 for at once.</summary>
    public long NotBeforeMs { get; private set; }

    /// <summary>When a connection was last wanted; 0 while none is.</summary>
    public long WantedMs { get; set; }

    public bool IsConnecting => Attempt is { State: ConnectionState.Connecting };

    /// <summary>
    /// When the attempt under way has taken too long, or the next one is due; <see cref="PeerConnections.Never"/> if neither is.
    /// </summary>
    public long NextDeadline =>
        IsConnecting ? Attempt!.SinceMs + ConnectTimeoutMs
        : WantedMs != 0 && Attempt is null ? NotBeforeMs
        : PeerConnections.Never;

    /// <summary>Whether nothing new has wanted a connection for so long that dialling stops.</summary>
    public bool IsGivenUp(long nowMs) => nowMs - WantedMs >= Limits.RekeyAttemptTimeMs;

    /// <summary>
    /// The attempt has failed. The next one comes after 0.5 s to 30 s, doubling, give or take a quarter so that peers do not dial
    /// in step.
    /// </summary>
    /// <returns>That delay.</returns>
    public int Fail(long nowMs)
    {
        int delayMs = _backoffMs - (_backoffMs / 4) + random.Next(_backoffMs / 2);
        _backoffMs = Math.Min(_backoffMs * 2, MaxBackoffMs);
        delayMs = Math.Clamp(delayMs, MinBackoffMs, MaxBackoffMs);
        NotBeforeMs = nowMs + delayMs;
        Attempt = null;
        return delayMs;
    }

    /// <summary>No connection is wanted any more. The delay before the next attempt stays.</summary>
    public void Forget()
    {
        Attempt = null;
        HasCalled = false;
        WantedMs = 0;
    }

    /// <summary>The next attempt may be made at once.</summary>
    public void ResetBackoff()
    {
        _backoffMs = MinBackoffMs;
        NotBeforeMs = 0;
    }
}
