namespace WireGuard.Vsock.Relay;

/// <summary>A near end, as admission sees it.</summary>
internal interface INearEnd
{
    /// <summary>Asks the lane that owns it to close it. Called by any thread, once, and under no lock of admission's.</summary>
    void Evict();
}

/// <summary>A near end's place. Its owner keeps it to hand it back, and says when it is used; all else is admission's.</summary>
internal sealed class NearPlace(INearEnd near, Admission.Source source, bool isStream, bool isRaw, long sinceMs)
{
    private long _usedMs = sinceMs; // interlocked: written by its lane

    /// <summary>When something was last carried, as its lane has said a few times a second.</summary>
    internal long UsedMs
    {
        get => Volatile.Read(ref _usedMs);
        set => Volatile.Write(ref _usedMs, value);
    }

    internal INearEnd Near { get; } = near;

    internal Admission.Source Source { get; } = source;

    internal bool IsStream { get; } = isStream;

    internal bool IsRaw { get; } = isRaw;

    internal long SinceMs { get; } = sinceMs;

    /// <summary>When it is evicted at the latest, unless it is settled.</summary>
    internal long UntilMs { get; set; } = sinceMs + Admission.PatienceMs;

    /// <summary>Null once it is gone.</summary>
    internal LinkedListNode<NearPlace>? Node { get; set; }

    internal LinkedList<NearPlace>? List => Node?.List;

    internal bool IsGone { get; set; }

    internal bool IsAmong(Admission.Source? only, bool isOnlyRaw) => (only is null || Source == only) && (!isOnlyRaw || IsRaw);
}
