namespace WireGuard.Vsock.Streams;

/// <summary>
/// Which lane is to own a new connection: the one that owns the fewest of the same peer's, and of those the one that owns the
/// fewest in all. The peer of an accepted connection is not known yet; but a peer's connections come one after the other, so the
/// lanes with the fewest are mostly right for them too. Control only.
/// </summary>
internal sealed class LaneShares
{
    private readonly int[] _owned;

    public LaneShares(int lanes) => _owned = new int[lanes];

    /// <summary>Chooses a lane, which owns one more from now on.</summary>
    /// <param name="ofPeer">The lanes that own the peer's others.</param>
    public int Take(IReadOnlyCollection<int> ofPeer)
    {
        int best = 0, bestOfPeer = int.MaxValue;
        for (int lane = 0; lane < _owned.Length; lane++)
        {
            int count = ofPeer.Count(other => other == lane);
            if (count > bestOfPeer || (count == bestOfPeer && _owned[lane] >= _owned[best]))
                continue;
            (best, bestOfPeer) = (lane, count);
        }

        _owned[best]++;
        return best;
    }

    /// <summary>A connection of that lane's has ended.</summary>
    public void GiveBack(int lane) => _owned[lane]--;
}
