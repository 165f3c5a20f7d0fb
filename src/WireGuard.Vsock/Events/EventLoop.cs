using WireGuard.Protocol.Peers;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Events;

/// <summary>
/// The event loop of the control thread: callbacks for descriptors that are ready and for deadlines that are due, all called on
/// the thread that calls <see cref="RunOnce"/>.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private readonly EpollEvents _events = new(64);
    private readonly Dictionary<ulong, Action<uint>> _watches = [];
    private readonly Deadline.Heap _deadlines = new();
    private readonly int _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
    private readonly Func<long> _clock;
    private ulong _lastWatch;

    /// <param name="clock">Boot time in ms; a test may set one by hand.</param>
    public EventLoop(Func<long>? clock = null)
    {
        _clock = clock ?? Sys.BootMs;
        NowMs = _clock();
    }

    /// <summary>Boot time in ms, as of this turn of the loop.</summary>
    public long NowMs { get; private set; }

    /// <summary>How many turns have begun: what may be done once a turn compares it.</summary>
    public long Turn { get; private set; }

    /// <summary>How many deadlines are scheduled.</summary>
    public int DeadlineCount => _deadlines.Count;

    /// <summary>Called once a turn, after <see cref="NowMs"/> is set and before all other callbacks.</summary>
    public Action OnWake { get; set; } = () => { };

    /// <summary>Calls back when the descriptor is ready.</summary>
    /// <returns>An id that is never reused: an event that was already reported when its watch ended is ignored.</returns>
    /// <exception cref="LinuxException">The system has no memory for one more watch, or its limit is reached.</exception>
    public ulong Watch(int fd, uint events, Action<uint> onReady)
    {
        Sys.Check(TryWatch(fd, events, onReady, out ulong watch), "epoll_ctl");
        return watch;
    }

    /// <summary>As <see cref="Watch"/>, where the daemon can go on without it.</summary>
    /// <returns>0, or a negated errno.</returns>
    public int TryWatch(int fd, uint events, Action<uint> onReady, out ulong watch)
    {
        watch = ++_lastWatch;
        int added = Sys.EpollAdd(_epoll, fd, events, watch);
        if (added >= 0)
            _watches.Add(watch, onReady);
        return added;
    }

    public void Change(ulong watch, int fd, uint events) => Sys.EpollModify(_epoll, fd, events, watch);

    public void Unwatch(ulong watch, int fd)
    {
        if (_watches.Remove(watch))
            Sys.EpollDelete(_epoll, fd);
    }

    /// <summary>Schedules a deadline, or moves it.</summary>
    /// <param name="deadline">It fires once; its callback may schedule it again.</param>
    /// <param name="atMs">Boot time in ms; <see cref="PeerTimers.Never"/> cancels it.</param>
    public void Schedule(Deadline deadline, long atMs) => _deadlines.Set(deadline, atMs);

    public void Cancel(Deadline deadline) => _deadlines.Set(deadline, PeerTimers.Never);

    /// <summary>Waits until something is ready or due, and calls back.</summary>
    /// <param name="atMostMs">The longest wait; -1 for no limit.</param>
    public void RunOnce(int atMostMs)
    {
        int count = Sys.EpollWait(_epoll, _events, Timeout(atMostMs));
        NowMs = _clock();
        Turn++;
        OnWake();
        for (int i = 0; i < count; i++)
        {
            if (_watches.TryGetValue(_events.Data(i), out Action<uint>? onReady))
                onReady(_events.Events(i));
        }

        // Bounded: a deadline that is rescheduled for now again and again must not keep the loop from its descriptors.
        for (int left = _deadlines.Count; left > 0 && _deadlines.TakeDue(NowMs) is { } due; left--)
            due.OnTime();
    }

    public void Dispose() => Sys.Close(_epoll);

    private int Timeout(int atMostMs)
    {
        if (_deadlines.Count == 0)
            return atMostMs;
        // epoll_wait(2) does not count time suspended; a deadline that passed meanwhile fires on waking.
        int untilDeadline = (int)Math.Clamp(_deadlines.FirstMs - _clock(), 0, int.MaxValue);
        return atMostMs < 0 ? untilDeadline : Math.Min(atMostMs, untilDeadline);
    }
}
