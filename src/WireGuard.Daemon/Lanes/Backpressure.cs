using WireGuard.Daemon.Transport;

namespace WireGuard.Daemon.Lanes;

/// <summary>
/// When a lane is to stop reading the TUN device, so that what cannot leave waits there and costs nothing: when every connection
/// that it has sent on lately is congested. While another still moves, the congested one's packets wait in its own queue, and are
/// dropped when that is full.
/// <para>
/// The device's queue is everybody's, and drops what comes when it is full. So a pause is short: after <see cref="PauseMs"/> the
/// lane reads all that waits there before it may pause again, and a peer that was idle neither loses a packet nor waits for long.
/// After a reading that found many packets the next pause is shorter still (<see cref="ShortPauseMs"/>).
/// </para>
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

    /// <summary>
    /// How long a pause may last: longer than a fast far end mostly stands still for, shorter than the device's queue
    /// (<see cref="Tun.TunDevice.DefaultQueueLength"/>) takes to fill.
    /// </summary>
    public const int PauseMs = 5;

    /// <summary>The same when packets come so fast that the device's queue might be full by then.</summary>
    public const int ShortPauseMs = 1;

    /// <summary>So many packets in the device after a pause are many.</summary>
    public const int ManyPackets = Tun.TunDevice.DefaultQueueLength / 8;

    /// <summary>How long a connection may be without progress, and still be waited for.</summary>
    public const int PatienceMs = 100;

    /// <summary>More connections at a time than this are not all congested.</summary>
    private const int MaxRecent = 8;

    private readonly Recent[] _recent = new Recent[MaxRecent];
    private int _count;
    private long _sentOnMoreMs = long.MinValue / 2;
    private int _pauseMs = PauseMs;
    private long _pausedSinceMs;
    private bool _isPaused;

    // A pause has lasted as long as it may: first the device is read until it is empty.
    private bool _mustEmpty;
    private int _readSincePause;

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

    /// <summary>For how long the lane may sleep now, in ms; -1 if for as long as it likes.</summary>
    public int SleepMs => _isPaused ? _pauseMs : -1;

    /// <summary>The lane has read the device.</summary>
    /// <param name="packets">How many packets there were.</param>
    /// <param name="isEmpty">Whether none is left.</param>
    public void HasRead(int packets, bool isEmpty)
    {
        if (!_mustEmpty)
            return;
        _readSincePause += packets;
        if (!isEmpty)
            return;
        _mustEmpty = false;
        _pauseMs = _readSincePause < ManyPackets ? PauseMs : ShortPauseMs;
    }

    /// <summary>
    /// Whether to stop reading now. Each connection waited for then wakes the lane once it is drained, and
    /// <see cref="SleepMs"/> is how long it sleeps at most.
    /// </summary>
    /// <param name="lane">The lane's index.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool MustWait(int lane, long nowMs)
    {
        if (_isPaused && nowMs - _pausedSinceMs >= _pauseMs)
        {
            _mustEmpty = true;
            _readSincePause = 0;
        }

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
