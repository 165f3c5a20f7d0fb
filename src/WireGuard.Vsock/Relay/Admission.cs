using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>A near end, as admission sees it.</summary>
internal interface INearEnd
{
    /// <summary>Asks the lane that owns it to close it. Called by any thread, once, and under no lock of admission's.</summary>
    void Evict();
}

/// <summary>
/// Which near ends a relay takes, in all and by source (<see cref="EndpointAddress.Source"/>). One that is new is always
/// admitted, and another that waits goes: an authentic caller needs its place for a moment only, so a flood that is to keep
/// others out would have to be newer than they are, all the time. Those whose source is proven have places apart, so that no
/// forgery and no silent connection takes one.
/// <code>
/// admitted --> unproven --a cookie of ours, or a whole message on a stream--> proven --an answer from its far end--> settled
///                 `----------------------- 5 s, or its place was needed ---------`--> evicted
/// </code>
/// Of the unproven, and of the proven, the oldest goes: of a source that has too many, else of the source that has most. A stream
/// from a source that has a settled one is settled at once: one peer's parallel connections need not all be answered.
/// Any thread; one lock, which is taken for near ends and handshakes only.
/// </summary>
internal sealed class Admission(RelayLimits limits)
{
    /// <summary>Of each of the two kinds.</summary>
    public const int MaxUnanswered = 256;

    public const int MaxUnansweredPerSource = 16;

    /// <summary>Younger ones count in all, but not against their source.</summary>
    public const int YoungMs = 250;

    public const int PatienceMs = 5_000;

    private readonly Lock _gate = new();

    // Guarded by the lock, as all below and each place are.
    private readonly Dictionary<UInt128, Source> _sources = [];
    private readonly LinkedList<NearPlace> _unproven = new();
    private readonly LinkedList<NearPlace> _proven = new();
    private int _count;

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

    /// <summary>Admits a near end. Null where all places are those of near ends that were answered.</summary>
    /// <param name="isProven">What the decision on its first message says; false for a connection just accepted.</param>
    public NearPlace? TryAdmit(INearEnd near, UInt128 source, bool isStream, bool isProven, long nowMs)
    {
        NearPlace? first = null, second = null, place = null;
        lock (_gate)
        {
            Source of = _sources.TryGetValue(source, out Source? known) ? known : new Source(source);
            bool isFull = of.Count >= limits.MaxPerSource || _count >= limits.MaxConnections;
            if (isFull)
                first = of.Count >= limits.MaxPerSource ? OldestOf(of) : Least(_unproven) ?? Least(_proven);
            if (isFull && first is null)
                return null;
            if (first is not null)
                Remove(first);
            place = new NearPlace(near, of, nowMs);
            Add(place, isStream && of.Settled > 0 ? null : isProven ? _proven : _unproven);
            second = Surplus(place.List, of, nowMs);
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
            Move(place, _proven);
            surplus = Surplus(_proven, place.Source, nowMs);
            if (surplus is not null)
                Remove(surplus);
        }

        surplus?.Near.Evict();
    }

    /// <summary>Its far end has answered.</summary>
    /// <returns>False if it was evicted before.</returns>
    public bool Answered(NearPlace place)
    {
        lock (_gate)
        {
            if (!place.IsGone && place.List is not null)
                Move(place, null);
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
    public bool MustProve(in EndpointAddress source, bool isKnown, long nowMs) => Initiations.MustProve(source, isKnown, nowMs);

    /// <inheritdoc cref="InitiationLimits.CountNew"/>
    public void CountNewInitiation(long nowMs) => Initiations.CountNew(nowMs);

    /// <inheritdoc cref="InitiationLimits.NoteProven"/>
    public void NoteProven(in EndpointAddress source, long nowMs) => Initiations.NoteProven(source, nowMs);

    /// <inheritdoc cref="InitiationLimits.TryTake"/>
    public bool TryTakeInitiation(UInt128 source, bool isProven, long nowMs) => Initiations.TryTake(source, isProven, nowMs);

    /// <summary>The oldest of a source that waits, rather one that is not proven.</summary>
    private NearPlace? OldestOf(Source source) => OldestOf(source, _unproven) ?? OldestOf(source, _proven);

    private static NearPlace? OldestOf(Source source, LinkedList<NearPlace> list) =>
        list.FirstOrDefault(place => place.Source == source);

    /// <summary>The oldest of the source that has most; of equals, of the one whose first is the oldest.</summary>
    private NearPlace? Least(LinkedList<NearPlace> list)
    {
        NearPlace? least = null;
        foreach (NearPlace place in list)
        {
            if (least is null || CountIn(list, place.Source) > CountIn(list, least.Source))
                least = place;
        }

        return least;
    }

    private NearPlace? Surplus(LinkedList<NearPlace>? list, Source source, long nowMs)
    {
        if (list is null)
            return null;
        if (CountIn(list, source) > MaxUnansweredPerSource && OldestOf(source, list) is { } oldest
            && nowMs - oldest.SinceMs >= YoungMs)
        {
            return oldest;
        }

        return list.Count > MaxUnanswered ? Least(list) : null;
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
            Remove(place);
            (over ??= []).Add(place);
        }
    }

    private int CountIn(LinkedList<NearPlace> list, Source source) => list == _proven ? source.Proven : source.Unproven;

    private void Add(NearPlace place, LinkedList<NearPlace>? list)
    {
        _count++;
        if (place.Source.Count++ == 0)
            _sources[place.Source.Key] = place.Source;
        Enter(place, list);
    }

    private void Remove(NearPlace place)
    {
        Leave(place);
        place.IsGone = true;
        _count--;
        if (--place.Source.Count == 0)
            _sources.Remove(place.Source.Key);
    }

    private void Move(NearPlace place, LinkedList<NearPlace>? list)
    {
        Leave(place);
        Enter(place, list);
    }

    private void Enter(NearPlace place, LinkedList<NearPlace>? list)
    {
        place.Node = list?.AddLast(place);
        Change(place, list, 1);
    }

    private void Leave(NearPlace place)
    {
        Change(place, place.List, -1);
        if (place.Node is { } node)
            node.List!.Remove(node);
        place.Node = null;
    }

    private void Change(NearPlace place, LinkedList<NearPlace>? list, int by)
    {
        if (list is null)
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

/// <summary>A near end's place. Its owner keeps it to hand it back; all else is admission's.</summary>
internal sealed class NearPlace(INearEnd near, Admission.Source source, long sinceMs)
{
    internal INearEnd Near { get; } = near;

    internal Admission.Source Source { get; } = source;

    internal long SinceMs { get; } = sinceMs;

    /// <summary>When it is evicted at the latest, unless it is settled.</summary>
    internal long UntilMs { get; set; } = sinceMs + Admission.PatienceMs;

    /// <summary>Null once it is settled, or gone.</summary>
    internal LinkedListNode<NearPlace>? Node { get; set; }

    internal LinkedList<NearPlace>? List => Node?.List;

    internal bool IsGone { get; set; }
}
