using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Which near ends a relay takes, in all and by source (<see cref="EndpointAddress.Source"/>). One that is new is always
/// admitted, and another that waits goes: an authentic caller needs its place for a moment only, so a flood that is to keep
/// others out would have to be newer than they are, all the time. Those whose source is proven have places apart, so that no
/// forgery and no silent connection takes one.
/// <code>
/// admitted --> unproven --a cookie of ours, or a whole message on a stream--> proven --its far end's peer is there--> settled
///                 `----- 5 s (more once its far end has answered), or its place was needed -----`--> evicted
/// </code>
/// Of the unproven, and of the proven, the oldest goes: of a source that has too many, else of the source that has most. Of the
/// settled only one that is idle goes, where all places are taken. A stream beside a settled one of its source is settled by its
/// first message: one peer's parallel connections need not all be answered. Any thread; one lock, which is taken for near ends
/// and handshakes only.
/// </summary>
internal sealed class Admission(RelayLimits limits)
{
    /// <summary>Of each of the two kinds.</summary>
    public const int MaxUnanswered = 256;

    public const int MaxUnansweredPerSource = 16;

    /// <summary>Younger ones count in all, but not against their source.</summary>
    public const int YoungMs = 250;

    public const int PatienceMs = 5_000;

    /// <summary>How long a settled one must be idle to be given up for another.</summary>
    public const int IdleMs = 30_000;

    /// <summary>Of all places, what raw streams may have where there are others: no key stands behind them.</summary>
    public const int RawShare = 4;

    /// <summary>How long no idle one is looked for again where there was none.</summary>
    private const int SearchMs = 250;

    private readonly Lock _gate = new();
    private volatile bool _isRawAlone;

    // Guarded by the lock, as all below and each place are.
    private readonly Dictionary<UInt128, Source> _sources = [];
    private readonly LinkedList<NearPlace> _unproven = new();
    private readonly LinkedList<NearPlace> _proven = new();
    private readonly LinkedList<NearPlace> _settled = new();
    private int _count;
    private int _rawCount;
    private long _searchedMs = long.MinValue / 2;

    /// <summary>Whether all rules are raw: then no others need places kept. Set by control.</summary>
    public bool IsRawAlone
    {
        get => _isRawAlone;
        set => _isRawAlone = value;
    }

    public int Count
    {
        get
        {
            lock (_gate)
                return _count;
        }
    }

    public int UnansweredCount
    {
        get
        {
            lock (_gate)
                return _unproven.Count + _proven.Count;
        }
    }

    /// <summary>How initiations are limited.</summary>
    private InitiationLimits Initiations { get; } = new();

    /// <summary>Admits a near end. Null where all places are those of settled ones that are not idle.</summary>
    /// <param name="isProven">What the decision on its first message says; false for a connection just accepted.</param>
    public NearPlace? TryAdmit(
        INearEnd near, UInt128 source, bool isStream, bool isProven, long nowMs, bool isRaw = false)
    {
        if (!isStream && !isProven)
            Initiations.CountNew(nowMs);
        NearPlace? first, second, place;
        lock (_gate)
        {
            Source of = _sources.TryGetValue(source, out Source? known) ? known : new Source(source);
            if (!TryMakeRoom(of, isRaw, nowMs, out first))
                return null;
            if (first is not null)
                Remove(first);
            place = new NearPlace(near, of, isStream, isRaw, nowMs);
            LinkedList<NearPlace> list = isProven ? _proven : _unproven;
            Add(place, list);
            second = Surplus(list, of, nowMs);
            if (second is not null)
                Remove(second);
        }

        first?.Near.Evict();
        second?.Near.Evict();
        return place;
    }

    /// <summary>Its source is no forgery: a datagram had a valid cookie, or a stream has brought a whole message.</summary>
    public void Prove(NearPlace place, long nowMs)
    {
        NearPlace? surplus;
        lock (_gate)
        {
            if (place.List != _unproven)
                return;
            bool isBeside = place.IsStream && place.Source.Settled > 0;
            Move(place, isBeside ? _settled : _proven);
            surplus = isBeside ? null : Surplus(_proven, place.Source, nowMs);
            if (surplus is not null)
                Remove(surplus);
        }

        surplus?.Near.Evict();
    }

    /// <summary>Its far end has a peer there.</summary>
    /// <returns>False if it was evicted before.</returns>
    public bool Answered(NearPlace place)
    {
        lock (_gate)
        {
            if (!place.IsGone)
                Move(place, _settled);
            return !place.IsGone;
        }
    }

    /// <summary>It may wait for so long, if its place is not needed.</summary>
    public void Extend(NearPlace place, long untilMs)
    {
        lock (_gate)
            place.UntilMs = Math.Max(place.UntilMs, untilMs);
    }

    /// <summary>It is closed, by whomever.</summary>
    public void Gone(NearPlace place)
    {
        lock (_gate)
        {
            if (!place.IsGone)
                Remove(place);
        }
    }

    /// <summary>Evicts those whose time is over. To be called a few times a second.</summary>
    public void Sweep(long nowMs)
    {
        List<NearPlace>? over = null;
        lock (_gate)
        {
            Collect(_unproven, nowMs, ref over);
            Collect(_proven, nowMs, ref over);
        }

        foreach (NearPlace place in over ?? [])
            place.Near.Evict();
    }

    /// <inheritdoc cref="InitiationLimits.IsUnderLoad(long)"/>
    public bool IsUnderLoad(long nowMs) => Initiations.IsUnderLoad(nowMs);

    /// <inheritdoc cref="InitiationLimits.MustProve"/>
    public bool MustProve(bool isKnown, long nowMs) => Initiations.MustProve(isKnown, nowMs);

    /// <inheritdoc cref="InitiationLimits.TryTake"/>
    public bool TryTakeInitiation(UInt128 source, bool isProven, long nowMs) => Initiations.TryTake(source, isProven, nowMs);

    /// <summary>Whether there is room for one more, where need be in place of another.</summary>
    private bool TryMakeRoom(Source of, bool isRaw, long nowMs, out NearPlace? victim)
    {
        victim = null;
        Source? only = of.Count >= limits.MaxPerSource ? of : null;
        bool isOnlyRaw = isRaw && !_isRawAlone && _rawCount >= limits.MaxConnections / RawShare;
        if (only is null && !isOnlyRaw && _count < limits.MaxConnections)
            return true;
        victim = Least(_unproven, only, isOnlyRaw) ?? Least(_proven, only, isOnlyRaw) ?? LongestIdle(only, isOnlyRaw, nowMs);
        return victim is not null;
    }

    private NearPlace? Surplus(LinkedList<NearPlace> list, Source source, long nowMs)
    {
        if (CountIn(list, source) > MaxUnansweredPerSource && Least(list, source) is { } oldest
            && nowMs - oldest.SinceMs >= YoungMs)
        {
            return oldest;
        }

        return list.Count > MaxUnanswered ? Least(list) : null;
    }

    /// <summary>The oldest of the source that has most; of equals, of the one whose first is the oldest.</summary>
    private NearPlace? Least(LinkedList<NearPlace> list, Source? only = null, bool isOnlyRaw = false)
    {
        NearPlace? least = null;
        foreach (NearPlace place in list)
        {
            bool isMore = least is null || CountIn(list, place.Source) > CountIn(list, least.Source);
            if (isMore && place.IsAmong(only, isOnlyRaw))
                least = place;
        }

        return least;
    }

    /// <summary>Of the source that has most, the settled one that has been idle for longest.</summary>
    private NearPlace? LongestIdle(Source? only, bool isOnlyRaw, long nowMs)
    {
        if (nowMs - _searchedMs < SearchMs)
            return null;
        NearPlace? idle = null;
        foreach (NearPlace place in _settled)
        {
            if (nowMs - place.UsedMs < IdleMs || !place.IsAmong(only, isOnlyRaw))
                continue;
            int more = place.Source.Settled.CompareTo(idle?.Source.Settled ?? 0);
            if (more > 0 || (more == 0 && place.UsedMs < idle!.UsedMs))
                idle = place;
        }

        if (idle is null)
            _searchedMs = nowMs;
        return idle;
    }

    private void Collect(LinkedList<NearPlace> list, long nowMs, ref List<NearPlace>? over)
    {
        LinkedListNode<NearPlace>? next;
        for (LinkedListNode<NearPlace>? node = list.First; node is not null; node = next)
        {
            next = node.Next;
            NearPlace place = node.Value;
            long ageMs = nowMs - place.SinceMs;
            bool isSurplus = ageMs >= YoungMs && CountIn(list, place.Source) > MaxUnansweredPerSource;
            if (nowMs < place.UntilMs && !isSurplus)
                continue;
            if (place.IsStream && list == _proven && place.Source.Settled > 0)
            {
                Move(place, _settled);
                continue;
            }

            Remove(place);
            (over ??= []).Add(place);
        }
    }

    private int CountIn(LinkedList<NearPlace> list, Source source) =>
        list == _proven ? source.Proven : list == _settled ? source.Settled : source.Unproven;

    private void Add(NearPlace place, LinkedList<NearPlace> list)
    {
        _count++;
        _rawCount += place.IsRaw ? 1 : 0;
        if (place.Source.Count++ == 0)
            _sources[place.Source.Key] = place.Source;
        Enter(place, list);
    }

    private void Remove(NearPlace place)
    {
        Leave(place);
        place.IsGone = true;
        _count--;
        _rawCount -= place.IsRaw ? 1 : 0;
        if (--place.Source.Count == 0)
            _sources.Remove(place.Source.Key);
    }

    private void Move(NearPlace place, LinkedList<NearPlace> list)
    {
        Leave(place);
        Enter(place, list);
    }

    private void Enter(NearPlace place, LinkedList<NearPlace> list)
    {
        place.Node = list.AddLast(place);
        Change(place, list, 1);
    }

    private void Leave(NearPlace place)
    {
        LinkedList<NearPlace> list = place.List!;
        Change(place, list, -1);
        list.Remove(place.Node!);
        place.Node = null;
    }

    private void Change(NearPlace place, LinkedList<NearPlace> list, int by)
    {
        if (list == _settled)
            place.Source.Settled += by;
        else if (list == _proven)
            place.Source.Proven += by;
        else
            place.Source.Unproven += by;
    }

    /// <summary>What a source has. Guarded by the lock, as its places are.</summary>
    internal sealed class Source(UInt128 key)
    {
        public UInt128 Key { get; } = key;

        public int Count { get; set; }

        public int Unproven { get; set; }

        public int Proven { get; set; }

        public int Settled { get; set; }
    }
}
