namespace WireGuard.Vsock.Relay;

/// <summary>
/// For which enclaves the messages of one near end are, by their receiver index. Learned are the indices that an enclave has sent
/// to this near end; they decide. Adopted are those that an enclave has sent to another (<see cref="KnownIndices"/>): every
/// sender that has seen such an index may use it, so they have places of their own. Owned by one lane.
/// </summary>
internal sealed class NearRoutes
{
    /// <summary>The newest of one enclave: of three keypairs, and of a handshake in progress.</summary>
    public const int MaxPerTarget = 4;

    /// <summary>Of all enclaves that have answered here, so of 64 of them at the least. The oldest goes.</summary>
    public const int MaxLearned = 256;

    public const int MaxAdopted = 2;

    private const int FirstCapacity = 16;

    // In the order in which they were learned, the newest last.
    private uint[] _indices = new uint[FirstCapacity];
    private short[] _targets = new short[FirstCapacity];
    private int _count;

    private (uint Index, RouteTargets Targets) _newer = (0, RouteTargets.None);
    private (uint Index, RouteTargets Targets) _older = (0, RouteTargets.None);

    /// <summary>
    /// Whether an enclave has answered here with what only its peer can make it send (<see cref="PeerRoutes.IsAnswer"/>).
    /// </summary>
    public bool IsAnswered { get; internal set; }

    /// <summary>
    /// Whether it has brought a cookie of the relay's, or is a stream. Its next initiation may have a cookie of the enclave's
    /// instead, where that is under load as well.
    /// </summary>
    public bool IsProven { get; internal set; }

    internal int LearnedCount => _count;

    /// <summary>For which enclaves a message with that receiver index is.</summary>
    public bool TryFind(uint index, out RouteTargets targets)
    {
        int newest = _indices.AsSpan(0, _count).LastIndexOf(index);
        int other = newest > 0 ? _indices.AsSpan(0, newest).LastIndexOf(index) : -1;
        targets = newest >= 0 ? new RouteTargets(_targets[newest], other >= 0 ? _targets[other] : RouteTargets.NoTarget)
            : _newer.Index == index && !_newer.Targets.IsNone ? _newer.Targets
            : _older.Index == index ? _older.Targets
            : RouteTargets.None;
        return !targets.IsNone;
    }

    /// <summary>An enclave has sent its index here.</summary>
    internal void Learn(uint index, int target)
    {
        int same = -1, oldest = -1, ofTarget = 0;
        for (int i = _count - 1; i >= 0; i--)
        {
            if (_targets[i] != target)
                continue;
            same = _indices[i] == index ? i : same;
            oldest = i;
            ofTarget++;
        }

        if (same >= 0)
            RemoveAt(same);
        else if (ofTarget == MaxPerTarget)
            RemoveAt(oldest);
        else if (_count == MaxLearned)
            RemoveAt(0);
        if (_count == _indices.Length)
        {
            Array.Resize(ref _indices, 2 * _count);
            Array.Resize(ref _targets, 2 * _count);
        }

        _indices[_count] = index;
        _targets[_count++] = (short)target;
    }

    internal void Adopt(uint index, RouteTargets targets)
    {
        _older = _newer;
        _newer = (index, targets);
    }

    private void RemoveAt(int at)
    {
        _count--;
        Array.Copy(_indices, at + 1, _indices, at, _count - at);
        Array.Copy(_targets, at + 1, _targets, at, _count - at);
    }
}

/// <summary>One enclave or two, by their places among the peers of the rule: two may have chosen the same index.</summary>
/// <param name="First">The one that was heard of last.</param>
internal readonly record struct RouteTargets(short First, short Second)
{
    public const short NoTarget = -1;

    public RouteTargets(int target)
        : this((short)target, NoTarget)
    {
    }

    public static RouteTargets None => new(NoTarget, NoTarget);

    public bool IsNone => First == NoTarget;

    public bool IsTwo => Second != NoTarget;

    /// <summary>With one more; of three the older goes.</summary>
    public RouteTargets With(int target) => IsNone || First == target
        ? new RouteTargets((short)target, Second)
        : new RouteTargets((short)target, First);
}
