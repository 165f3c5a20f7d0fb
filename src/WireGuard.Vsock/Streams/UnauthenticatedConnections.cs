using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The accepted connections on which no peer has authenticated yet, and which of them is closed when there are too many. The
/// newest is always admitted: an authentic caller needs its place for a moment only, so a flood that is to keep others out would
/// have to be newer than they are, all the time. Limits hold for a source (<see cref="EndpointAddress.Source"/>) and in all.
/// Control only.
/// <code>
/// accepted --> waits --it would have to go, but a message with a valid mac1 has come on it--> called
///                ^                                                                              |
///                `--that was 1 s ago, or newer ones have called-------------------------------'
/// </code>
/// Of those that wait the oldest goes: of a source that has too many, else of the source that has most.
/// </summary>
internal sealed class UnauthenticatedConnections
{
    /// <summary>How many may wait, in all.</summary>
    public const int Max = 256;

    /// <summary>How many of a source may wait that are older than <see cref="YoungMs"/>.</summary>
    public const int MaxPerSource = 16;

    /// <summary>
    /// Younger ones count in all, but not against their source: the first message on a connection may still be under way,
    /// whatever else connects from there.
    /// </summary>
    public const int YoungMs = 250;

    /// <summary>How many may have called, in all and of a source, beside those that wait.</summary>
    public const int MaxCalled = 256;

    public const int MaxCalledPerSource = 16;

    /// <summary>How long one that has called keeps its place.</summary>
    public const int CalledMs = 1_000;

    /// <summary>How long a connection may stay unauthenticated.</summary>
    public const int PatienceMs = 10_000;

    private readonly Dictionary<UInt128, Source> _sources = [];
    private readonly Dictionary<StreamConnection, LinkedListNode<Place>> _places = [];
    private int _calledCount;
    private long _lastNumber;

    public int Count => _places.Count;

    public void Add(StreamConnection connection)
    {
        UInt128 key = connection.Address.Source();
        if (!_sources.TryGetValue(key, out Source? source))
            _sources[key] = source = new Source();
        _places[connection] = source.Waiting.AddLast(new Place(connection, source, ++_lastNumber));
    }

    /// <summary>A peer has authenticated on it, or it is closed.</summary>
    public void Remove(StreamConnection connection)
    {
        if (!_places.Remove(connection, out LinkedListNode<Place>? node))
            return;
        Source source = node.Value.Source;
        if (node.List == source.Called)
            _calledCount--;
        node.List!.Remove(node);
        if (source.Waiting.Count + source.Called.Count == 0)
            _sources.Remove(connection.Address.Source());
    }

    /// <summary>One that must be closed now; to be asked until there is none.</summary>
    public StreamConnection? Surplus(long nowMs)
    {
        foreach (Source source in _sources.Values)
            EndCalls(source, nowMs);
        while (FindSurplus(nowMs) is { } node)
        {
            if (!TrySpare(node, nowMs))
                return node.Value.Connection;
        }

        return null;
    }

    /// <summary>The one that is to be closed first; null if none waits.</summary>
    public StreamConnection? Least() => Largest(waiting: true)?.Waiting.First!.Value.Connection;

    private LinkedListNode<Place>? FindSurplus(long nowMs)
    {
        foreach (Source source in _sources.Values)
        {
            if (source.Waiting.Count > MaxPerSource && source.Waiting.First!.Value.IsOld(nowMs))
                return source.Waiting.First;
        }

        return _places.Count - _calledCount > Max ? Largest(waiting: true)!.Waiting.First : null;
    }

    /// <summary>The source with most that wait, or that have called; of equals, the one whose first is the oldest.</summary>
    private Source? Largest(bool waiting)
    {
        LinkedList<Place>? largest = null;
        foreach (Source source in _sources.Values)
        {
            LinkedList<Place> candidate = waiting ? source.Waiting : source.Called;
            if (candidate.Count == 0 || candidate.Count < largest?.Count)
                continue;
            if (largest is null || candidate.Count > largest.Count || candidate.First!.Value.Number < largest.First!.Value.Number)
                largest = candidate;
        }

        return largest?.First!.Value.Source;
    }

    /// <summary>Whether it may stay after all, by what has come in since control last looked.</summary>
    private bool TrySpare(LinkedListNode<Place> node, long nowMs)
    {
        Place place = node.Value;
        // A peer has authenticated on it: control is about to be told.
        if (place.Connection.Peer is not null)
        {
            Remove(place.Connection);
            return true;
        }

        long calledMs = place.Connection.CalledMs;
        if (calledMs == place.CalledMs || nowMs - calledMs >= CalledMs)
            return false;
        if (place.Source.Called.Count == MaxCalledPerSource)
            EndCall(place.Source.Called.First!);
        else if (_calledCount == MaxCalled)
            EndCall(Largest(waiting: false)!.Called.First!);
        place.CalledMs = calledMs;
        place.Source.Waiting.Remove(node);
        place.Source.Called.AddLast(node);
        _calledCount++;
        return true;
    }

    private void EndCalls(Source source, long nowMs)
    {
        LinkedListNode<Place>? next;
        for (LinkedListNode<Place>? node = source.Called.First; node is not null; node = next)
        {
            next = node.Next;
            if (nowMs - node.Value.CalledMs >= CalledMs)
                EndCall(node);
        }
    }

    /// <summary>Its time is over: it is the first to be closed.</summary>
    private void EndCall(LinkedListNode<Place> node)
    {
        Source source = node.Value.Source;
        source.Called.Remove(node);
        source.Waiting.AddFirst(node);
        _calledCount--;
    }

    private sealed class Source
    {
        /// <summary>The first goes first.</summary>
        public LinkedList<Place> Waiting { get; } = new();

        public LinkedList<Place> Called { get; } = new();
    }

    private sealed class Place(StreamConnection connection, Source source, long number)
    {
        public StreamConnection Connection { get; } = connection;

        public Source Source { get; } = source;

        /// <summary>A later connection has a larger one.</summary>
        public long Number { get; } = number;

        /// <summary>When it called, as far as that has given it a place; 0 for never.</summary>
        public long CalledMs { get; set; }

        public bool IsOld(long nowMs) => CalledMs != 0 || nowMs - Connection.SinceMs >= YoungMs;
    }
}
