using WireGuard.Daemon.Transport;

namespace WireGuard.Daemon.Lanes;

/// <summary>
/// When a lane is to stop reading the TUN device, so that what cannot leave waits there, and whoever sends it slows down: when
/// every connection that it has sent on lately is congested. While another still moves, the congested one's packets are dropped.
/// <para>
/// A connection on which nothing moves at all does not hold the lane for longer than <see cref="PatienceMs"/>: its peer has
/// stopped, and others may have something to send.
/// </para>
/// </summary>
internal sealed class Backpressure
{
    /// <summary>
    /// How long a connection counts among those sent on lately: a peer that is sent to once a second is not held up by another.
    /// </summary>
    public const int RecentMs = 1_000;

    /// <summary>How long a connection may be without progress, and still be waited for.</summary>
    public const int PatienceMs = 100;

    /// <summary>More connections at a time than this are not all congested.</summary>
    private const int MaxRecent = 8;

    private readonly Recent[] _recent = new Recent[MaxRecent];
    private int _count;
    private long _sentOnMoreMs = long.MinValue / 2;

    /// <summary>The lane has sent on a connection.</summary>
    public void Sent(StreamConnection connection, long nowMs)
    {
        for (int i = 0; i < _count; i++)
        {
            if (ReferenceEquals(_recent[i].Connection, connection))
            {
                _recent[i].SentMs = nowMs;
                return;
            }
        }

        Forget(nowMs);
        if (_count == MaxRecent)
            _sentOnMoreMs = nowMs;
        else
            _recent[_count++] = new Recent { Connection = connection, SentMs = nowMs };
    }

    /// <summary>Whether to stop reading now. Each connection waited for then wakes the lane once it is drained.</summary>
    /// <param name="lane">The lane's index.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool MustWait(int lane, long nowMs)
    {
        if (_count == 0)
            return false;
        Forget(nowMs);
        bool isAnyMoving = false;
        for (int i = 0; i < _count; i++)
        {
            StreamConnection connection = _recent[i].Connection;
            if (!connection.IsCongested)
                return false;
            isAnyMoving |= IsMoving(connection, nowMs);
        }

        if (!isAnyMoving || nowMs - _sentOnMoreMs < RecentMs)
            return false;
        for (int i = 0; i < _count; i++)
        {
            if (!_recent[i].Connection.TryWakeWhenDrained(lane))
                return false;
        }

        return true;
    }

    private void Forget(long nowMs)
    {
        int kept = 0;
        for (int i = 0; i < _count; i++)
        {
            StreamConnection connection = _recent[i].Connection;
            bool isWaitedFor = connection.IsCongested && IsMoving(connection, nowMs);
            if (!connection.IsFailed && (isWaitedFor || nowMs - _recent[i].SentMs < RecentMs))
                _recent[kept++] = _recent[i];
        }

        _recent.AsSpan(kept, _count - kept).Clear();
        _count = kept;
    }

    private static bool IsMoving(StreamConnection connection, long nowMs) => nowMs - connection.StillSinceMs < PatienceMs;

    private struct Recent
    {
        public StreamConnection Connection;
        public long SentMs;
    }
}
