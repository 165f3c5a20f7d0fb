using WireGuard.Protocol.Noise;

namespace WireGuard.Vsock.Streams;

/// <summary>When which connection is dialled: the first, and extra ones beside it.</summary>
internal sealed partial class PeerConnections
{
    /// <summary>
    /// Whether a connection is of use: a first one where there is none; an extra one beside one that we dialled, while the
    /// session says that the peer knows what it is, up to the limit.
    /// </summary>
    private bool IsNeeded(Dialing dialing, long nowMs) => dialing == _first
        ? Destination is null
        : Current is { IsDialed: true } && _peer.TakesSeveral(nowMs) && Used.Count() < _limit;

    private void Want(Dialing dialing, long nowMs)
    {
        dialing.WantedMs = nowMs;
        Proceed(dialing, nowMs);
    }

    private void Advance(Dialing dialing, long nowMs)
    {
        if (nowMs < dialing.NextDeadline)
            return;
        if (dialing.IsConnecting)
        {
            Drop(dialing.Attempt!, "");
            Fail(dialing, TimedOut, nowMs);
        }
        else
        {
            Proceed(dialing, nowMs);
        }
    }

    private void Proceed(Dialing dialing, long nowMs)
    {
        if (dialing.Attempt is not null || dialing.WantedMs == 0)
            return;
        if (!_peer.CanBeDialed || !IsNeeded(dialing, nowMs))
        {
            dialing.Forget();
        }
        else if (dialing.IsGivenUp(nowMs))
        {
            dialing.Forget();
            dialing.ResetBackoff();
            if (dialing == _first)
                Do(ConnectionAction.DropStaged);
        }
        else if (nowMs >= dialing.NotBeforeMs)
        {
            dialing.Attempt = new PeerConnection(nowMs);
            Do(ConnectionAction.Connect, dialing.Attempt);
        }
    }

    private void Fail(Dialing dialing, string reason, long nowMs) =>
        _commands.Enqueue(new(ConnectionAction.NoteDialFailed, Reason: reason, Value: dialing.Fail(nowMs)));

    /// <summary>Stops the attempt under way. The delay before the next one stays.</summary>
    private void Cancel(Dialing dialing, string reason)
    {
        if (dialing.Attempt is { } attempt)
            Drop(attempt, reason);
        dialing.Forget();
    }

    private void ResetDialing(string reason)
    {
        foreach (Dialing dialing in (ReadOnlySpan<Dialing>)[_extra, _first])
        {
            Cancel(dialing, reason);
            dialing.ResetBackoff();
        }
    }

    private Dialing? DialingOf(PeerConnection connection) =>
        connection == _first.Attempt ? _first : connection == _extra.Attempt ? _extra : null;

    /// <summary>
    /// A connection has ended on which the peer had authenticated. If it lasted, the next attempt may be made at once; if it
    /// broke before, it has failed like one that did not come about.
    /// </summary>
    private void CountFailure(Dialing dialing, PeerConnection ended, string reason, bool isBroken, long nowMs)
    {
        if (nowMs - ended.SinceMs >= Dialing.ProvenMs)
            dialing.ResetBackoff();
        else if (isBroken && dialing.Attempt is null && nowMs >= dialing.NotBeforeMs)
            Fail(dialing, reason, nowMs);
    }
}

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
