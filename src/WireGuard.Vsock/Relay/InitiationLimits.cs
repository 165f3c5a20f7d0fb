using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// How many initiations a relay carries: of each source 20 a second and 5 at once (<see cref="RateLimiter"/>). Those of proven
/// sources are counted apart, so that nobody who forges a peer's address can use up what is the peer's. Past
/// <see cref="UnderLoadPerSecond"/> of new sources in all the relay is under load: then it asks for cookies. Any thread.
/// </summary>
internal sealed class InitiationLimits
{
    /// <summary>
    /// Initiations of sources that are neither proven nor answered. Fewer cannot push a place out within a second.
    /// </summary>
    public const int UnderLoadPerSecond = 64;

    /// <summary>
    /// How long a source need not prove itself again. The enclave may be under load, too, and ask for a cookie of its own: then
    /// the next initiation has that one, 5 s later, and not the relay's.
    /// </summary>
    public const long ProvenMs = 4 * Limits.RekeyTimeoutMs;

    /// <summary>How many sources are remembered so. The oldest is forgotten.</summary>
    public const int MaxProven = 4096;

    private const long WindowMs = Limits.UnderLoadAfterTimeMs;

    private readonly RateLimiter _ofUnproven = new();
    private readonly RateLimiter _ofProven = new();

    private readonly Lock _gate = new();

    // Guarded by the lock.
    private readonly Dictionary<EndpointAddress, long> _provenMs = [];
    private readonly Queue<(EndpointAddress Source, long AtMs)> _provenOrder = new();
    private long _windowMs;
    private int _inWindow;
    private int _inLastWindow;

    /// <summary>How many sources are remembered as proven.</summary>
    internal int ProvenCount
    {
        get
        {
            lock (_gate)
                return _provenMs.Count;
        }
    }

    /// <summary>Whether so many initiations of new sources came in this second or the last that cookies are asked for.</summary>
    public bool IsUnderLoad(long nowMs)
    {
        lock (_gate)
        {
            Turn(nowMs);
            return IsUnderLoad();
        }
    }

    /// <summary>Whether an initiation without a valid cookie is to be answered with one.</summary>
    /// <param name="source">With its port: whom a cookie was given.</param>
    /// <param name="isKnown">Whether an enclave has answered this near end.</param>
    public bool MustProve(in EndpointAddress source, bool isKnown, long nowMs)
    {
        if (isKnown)
            return false;
        lock (_gate)
        {
            if (_provenMs.TryGetValue(source, out long atMs) && nowMs - atMs < ProvenMs)
                return false;
            Turn(nowMs);
            bool isUnderLoad = IsUnderLoad();
            _inWindow += isUnderLoad ? 1 : 0; // a flood that is turned away is still one
            return isUnderLoad;
        }
    }

    /// <summary>
    /// An initiation of a new source was carried. Not counted otherwise, so one source alone does not put the relay under load.
    /// </summary>
    public void CountNew(long nowMs)
    {
        lock (_gate)
        {
            Turn(nowMs);
            _inWindow++;
        }
    }

    /// <summary>The source has brought a valid cookie.</summary>
    public void NoteProven(in EndpointAddress source, long nowMs)
    {
        lock (_gate)
        {
            if (_provenMs.TryGetValue(source, out long notedMs) && nowMs - notedMs < ProvenMs / 4)
                return; // one source has few of the entries
            while (_provenOrder.TryPeek(out (EndpointAddress Source, long AtMs) oldest)
                && (_provenOrder.Count >= MaxProven || nowMs - oldest.AtMs >= ProvenMs))
            {
                _provenOrder.Dequeue();
                if (_provenMs.TryGetValue(oldest.Source, out long atMs) && atMs == oldest.AtMs)
                    _provenMs.Remove(oldest.Source);
            }

            _provenMs[source] = nowMs;
            _provenOrder.Enqueue((source, nowMs));
        }
    }

    /// <summary>
    /// Whether a source may have one more initiation carried. Where so many sources are remembered that no new one fits, all may:
    /// what a flood can do then is bounded by the places of near ends.
    /// </summary>
    public bool TryTake(UInt128 source, bool isProven, long nowMs)
    {
        RateLimiter limiter = isProven ? _ofProven : _ofUnproven;
        return limiter.TryTake(source, nowMs) || limiter.Count >= RateLimiter.MaxSources;
    }

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
