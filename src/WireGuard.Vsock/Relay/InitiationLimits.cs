using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// How many initiations a relay carries: of each source 20 a second and 5 at once (<see cref="RateLimiter"/>). Those of proven
/// sources have tokens of their own besides, so that a sender who forges a peer's address cannot use up what is the peer's. Past
/// <see cref="UnderLoadPerSecond"/> new sources in all the relay is under load: then it asks for cookies. Any thread.
/// </summary>
internal sealed class InitiationLimits
{
    /// <summary>Near ends of datagrams that are new and not proven. Fewer cannot push a place out within a second.</summary>
    public const int UnderLoadPerSecond = 64;

    private const long WindowMs = Limits.UnderLoadAfterTimeMs;

    private readonly RateLimiter _ofUnproven = new();
    private readonly RateLimiter _ofProven = new();

    private readonly Lock _gate = new();

    // Guarded by the lock.
    private long _windowMs;
    private int _inWindow;
    private int _inLastWindow;

    /// <summary>Whether so many new sources came in this second or the last that cookies are asked for.</summary>
    public bool IsUnderLoad(long nowMs)
    {
        lock (_gate)
        {
            Turn(nowMs);
            return IsUnderLoad();
        }
    }

    /// <summary>Whether an initiation without a valid cookie is to be answered with one.</summary>
    /// <param name="isKnown">Whether this near end has been answered, or has brought a cookie before.</param>
    public bool MustProve(bool isKnown, long nowMs)
    {
        if (isKnown)
            return false;
        lock (_gate)
        {
            Turn(nowMs);
            bool isUnderLoad = IsUnderLoad();
            _inWindow += isUnderLoad ? 1 : 0; // a flood that is turned away is still one
            return isUnderLoad;
        }
    }

    /// <summary>A datagram of a new source, which may be forged, has got a place.</summary>
    public void CountNew(long nowMs)
    {
        lock (_gate)
        {
            Turn(nowMs);
            _inWindow++;
        }
    }

    /// <summary>
    /// Whether a source may have one more initiation carried. Where so many sources are remembered that no new one fits, all may:
    /// what a flood can do then is bounded by the places of near ends.
    /// </summary>
    public bool TryTake(UInt128 source, bool isProven, long nowMs)
    {
        bool isAllowed = IsAllowed(_ofUnproven, source, nowMs); // by the proven, too: both together are 20 a second
        return isProven ? IsAllowed(_ofProven, source, nowMs) : isAllowed;
    }

    private static bool IsAllowed(RateLimiter limiter, UInt128 source, long nowMs) =>
        limiter.TryTake(source, nowMs) || limiter.Count >= RateLimiter.MaxSources;

    private void Turn(long nowMs)
    {
        if (nowMs - _windowMs < WindowMs)
            return;
        _inLastWindow = nowMs - _windowMs < 2 * WindowMs ? _inWindow : 0;
        _inWindow = 0;
        _windowMs = nowMs;
    }

    private bool IsUnderLoad() => _inWindow >= UnderLoadPerSecond || _inLastWindow >= UnderLoadPerSecond;
}
