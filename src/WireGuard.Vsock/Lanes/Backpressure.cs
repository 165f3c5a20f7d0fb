using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// Decides when a lane stops reading the TUN device, so that packets which cannot be sent wait there at no cost: when every
/// connection that it has sent on lately is congested. While one of them still moves, packets of a congested one are queued for
/// it, and dropped when its queue is full.
/// <para>
/// Several peers share the device's queue, and the kernel drops packets when it is full. A pause is short then: 10 ms at most,
/// and less where packets arrive so fast that they would fill half of the queue. After it the lane empties the queue before it
/// may pause again. So a peer that was idle neither loses a packet nor waits for long.
/// </para>
/// <para>
/// A connection on which nothing moves at all holds the lane for no longer than <see cref="PatienceMs"/>: its peer has stopped,
/// and there may be packets for others.
/// </para>
/// </summary>
internal sealed class Backpressure
{
    /// <summary>
    /// How long a connection counts as sent on lately: a peer that is sent to once a second is not held up by another.
    /// </summary>
    public const int RecentMs = 1_000;

    /// <summary>How long a pause may last where there are several peers.</summary>
    public const int LongestPauseMs = 10;

    /// <summary>How many packets may arrive during a pause.</summary>
    public const int PacketsAPause = Tun.TunDevice.DefaultQueueLength / 2;

    /// <summary>The first pause, when the rate of packets is unknown.</summary>
    public const int FirstPauseMs = 2;

    /// <summary>How long a connection without progress is waited for.</summary>
    public const int PatienceMs = 100;

    /// <summary>More recent connections than this do not count as all congested.</summary>
    private const int MaxRecent = 8;

    private readonly Recent[] _recent = new Recent[MaxRecent];
    private int _count;
    private long _sentOnMoreMs = long.MinValue / 2;
    private int _pauseMs = FirstPauseMs;
    private long _pausedSinceMs;
    private bool _isPaused;
    private bool _hasSeveralPeers;

    // The last pause reached its limit: the device is read until it is empty first.
    private bool _mustEmpty;

    // When the device was last found empty, and how many packets were read since.
    private long _emptyMs;
    private long _readSince;

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

    /// <summary>How long the lane may sleep now, in ms; -1 for no limit.</summary>
    public int SleepMs => !_isPaused ? -1 : _hasSeveralPeers ? _pauseMs : PatienceMs;

    /// <summary>The lane has read the device.</summary>
    /// <param name="packets">How many packets there were.</param>
    /// <param name="isEmpty">Whether none is left.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public void HasRead(int packets, bool isEmpty, long nowMs)
    {
        _readSince += packets;
        if (!isEmpty)
            return;
        long elapsed = Math.Max(nowMs - _emptyMs, 1);
        _pauseMs = (int)Math.Clamp(PacketsAPause * elapsed / Math.Max(_readSince, 1), 1, LongestPauseMs);
        _emptyMs = nowMs;
        _readSince = 0;
        _mustEmpty = false;
    }

    /// <summary>
    /// Whether to stop reading now. Each congested connection then wakes the lane once it is drained, and the lane sleeps for at
    /// most <see cref="SleepMs"/>.
    /// </summary>
    /// <param name="lane">The lane's index.</param>
    /// <param name="hasSeveralPeers">Whether there is more than one peer.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool MustWait(int lane, bool hasSeveralPeers, long nowMs)
    {
        _hasSeveralPeers = hasSeveralPeers;
        _mustEmpty |= _isPaused && nowMs - _pausedSinceMs >= _pauseMs;
        _mustEmpty &= hasSeveralPeers;
        bool mustWait = !_mustEmpty && AreAllCongested(lane, nowMs);
        if (mustWait && !_isPaused)
            _pausedSinceMs = nowMs;
        _isPaused = mustWait;
        return mustWait;
    }

    private bool AreAllCongested(int lane, long nowMs)
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
