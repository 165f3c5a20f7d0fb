using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// One event loop of the relay, on a thread of its own. It owns its links whole: their sockets, what waits for them, their
/// deadlines. Control gives it accepted streams, and rules that begin and end (<see cref="Post"/>); nothing else passes between
/// threads but counters. It never blocks but in epoll_wait(2).
/// </summary>
internal sealed unsafe partial class RelayLane : IDisposable
{
    /// <summary>How often deadlines are looked at while there are links.</summary>
    private const int TickMs = 250;

    private const int StreamBufferSize = Link.ReadBytes + 65_536; // behind the beginning of a frame

    private readonly EpollEvents _events = new(64);
    private readonly Dictionary<ulong, IWatched> _watched = [];
    private readonly List<ILink> _links = [];
    private readonly List<StreamEnd> _ended = [];
    private readonly ConcurrentQueue<ILink> _evicted = new(); // by any lane
    private readonly ConcurrentQueue<LaneOrder> _orders = new();
    private readonly byte* _streamBuffer = (byte*)NativeMemory.AllocZeroed(StreamBufferSize);
    private readonly Action<Exception> _onFailure;
    private readonly Func<long> _clock;
    private readonly Thread _thread;
    private readonly int _epoll;
    private readonly int _wake;
    private ulong _lastWatch;
    private long _tickedMs;
    private long _shortageMs = long.MinValue / 2; // when one was last logged
    private volatile RelayLimits _limits;
    private volatile bool _isStopping;

    /// <param name="index">From 0.</param>
    /// <param name="admission">Shared by all lanes.</param>
    /// <param name="limits">Until control sets others.</param>
    /// <param name="offloads">Of UDP sockets.</param>
    /// <param name="log">For all lanes.</param>
    /// <param name="onFailure">Is given an exception that ended the thread.</param>
    /// <param name="clock">Boot time in ms; a test may set one by hand.</param>
    public RelayLane(
        int index,
        Admission admission,
        RelayLimits limits,
        UdpOffloads offloads,
        ILogger log,
        Action<Exception> onFailure,
        Func<long>? clock = null)
    {
        _clock = clock ?? Sys.BootMs;
        Admission = admission;
        _limits = limits;
        Offloads = offloads;
        Log = log;
        _onFailure = onFailure;
        Datagrams = new DatagramBatch(Counters);
        _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
        _wake = Sys.Check(Sys.EventFd(), "eventfd");
        Sys.Check(Sys.EpollAdd(_epoll, _wake, EPOLLIN, 0), "epoll_ctl");
        _thread = new Thread(Run) { Name = $"lane {index}", IsBackground = true };
        NowMs = _tickedMs = _clock();
    }

    public RelayCounters Counters { get; } = new();

    /// <summary>Moves with each turn.</summary>
    public LaneEpoch Epoch { get; } = new();

    public Admission Admission { get; }

    public UdpOffloads Offloads { get; }

    public RelayLimits Limits
    {
        get => _limits;
        set => _limits = value;
    }

    public ILogger Log { get; }

    /// <summary>Boot time in ms, as of this turn of the loop.</summary>
    public long NowMs { get; private set; }

    public UdpReceiver Receiver { get; } = new();

    public FrameBatch Frames { get; } = new();

    public DatagramBatch Datagrams { get; }

    /// <summary>Where a stream is read into: what was read at a time lies there until the batches are flushed.</summary>
    public Span<byte> StreamBuffer => new(_streamBuffer, StreamBufferSize);

    /// <summary>Orders that wait.</summary>
    public int OrderCount => _orders.Count;

    public void Start() => _thread.Start();

    /// <summary>From control.</summary>
    public void Post(LaneOrder order)
    {
        _orders.Enqueue(order);
        Sys.EventFdSignal(_wake);
    }

    /// <summary>From control: has it take a turn.</summary>
    public void Wake() => Sys.EventFdSignal(_wake);

    /// <summary>From control: its loop is to end.</summary>
    public void RequestStop()
    {
        _isStopping = true;
        Sys.EventFdSignal(_wake);
    }

    /// <summary>Waits for that.</summary>
    public void Join()
    {
        if (_thread.IsAlive)
            _thread.Join();
    }

    /// <summary>From any thread: the link's place is another's.</summary>
    public void NoteEvicted(ILink link)
    {
        _evicted.Enqueue(link);
        // The lane looks at the end of each event.
        if (Thread.CurrentThread != _thread)
            Sys.EventFdSignal(_wake);
    }

    /// <summary>Has events of a descriptor passed on.</summary>
    /// <param name="watch">Never used again: an event that was reported when its watch ended finds nothing.</param>
    /// <returns>False if the system has no memory for one more, or its limit is reached.</returns>
    public bool TryWatch(int fd, uint events, IWatched watched, out ulong watch)
    {
        watch = ++_lastWatch;
        if (Sys.EpollAdd(_epoll, fd, events, watch) < 0)
            return false;
        _watched.Add(watch, watched);
        return true;
    }

    public void Change(ulong watch, int fd, uint events) => Sys.EpollModify(_epoll, fd, events, watch);

    public void Unwatch(ulong watch, int fd)
    {
        if (_watched.Remove(watch))
            Sys.EpollDelete(_epoll, fd);
    }

    /// <summary>A stream has ended: its link is told when the current event is done with.</summary>
    public void AddEnded(StreamEnd stream) => _ended.Add(stream);

    /// <summary>Closes all that it has, once it is stopped.</summary>
    public void Dispose()
    {
        CloseAll();
        Sys.Close(_epoll);
        Sys.Close(_wake);
        NativeMemory.Free(_streamBuffer);
        NativeMemory.Free(_cookieReply);
        Receiver.Dispose();
        Frames.Dispose();
        Datagrams.Dispose();
    }

    private void Run()
    {
        try
        {
            while (!_isStopping)
                RunOnce(_links.Count == 0 ? -1 : TickMs);
        }
        catch (Exception e)
        {
            _onFailure(e);
        }
    }

    /// <summary>Waits until something comes about, and does what it brings. On the lane's thread, or a test's.</summary>
    /// <param name="atMostMs">The longest wait; -1 for no limit.</param>
    internal void RunOnce(int atMostMs)
    {
        int count = Sys.EpollWait(_epoll, _events, atMostMs);
        Epoch.Enter();
        NowMs = _clock();
        for (int i = 0; i < count; i++)
        {
            ulong watch = _events.Data(i);
            if (watch == 0)
                TakeOrders();
            else if (_watched.TryGetValue(watch, out IWatched? watched))
                watched.OnEvents(_events.Events(i));
            EndBatch();
        }

        if (NowMs - _tickedMs >= TickMs)
            Tick();
        Epoch.Leave();
    }

    /// <summary>What an event has brought leaves before the next one is taken.</summary>
    private void EndBatch()
    {
        Frames.Flush();
        Datagrams.Flush();
        // At once, so that places bound what is open.
        while (_evicted.TryDequeue(out ILink? evicted))
            evicted.OnEvicted();
        // Ending a link may end others' streams.
        for (int i = 0; i < _ended.Count; i++)
            _ended[i].TellEnd();
        _ended.Clear();
    }

    private void Tick()
    {
        _tickedMs = NowMs;
        Admission.Sweep(NowMs);
        // Backwards: one that ends leaves its place to the last.
        for (int i = _links.Count - 1; i >= 0; i--)
        {
            if (i < _links.Count)
                _links[i].OnTime();
        }

        EndBatch();
    }
}

/// <summary>What control gives a lane to do.</summary>
/// <param name="rule">What it is about.</param>
/// <param name="kind">Which.</param>
/// <param name="fd">An accepted stream's descriptor.</param>
/// <param name="from">Its far end.</param>
/// <param name="network">Its network.</param>
/// <param name="socket">A UDP socket to listen on.</param>
internal sealed class LaneOrder(
    ActiveRule rule,
    LaneOrderKind kind,
    int fd = -1,
    EndpointAddress from = default,
    NetworkKind network = default,
    UdpSocket? socket = null)
{
    public ActiveRule Rule { get; } = rule;

    public LaneOrderKind Kind { get; } = kind;

    public int Fd { get; } = fd;

    public EndpointAddress From { get; } = from;

    public NetworkKind Network { get; } = network;

    public UdpSocket? Socket { get; } = socket;
}

internal enum LaneOrderKind
{
    /// <summary>A stream was accepted.</summary>
    Accepted,

    /// <summary>A UDP socket is to be served, for that rule from now on.</summary>
    Listen,

    /// <summary>The rule is in force no longer: its links are closed.</summary>
    EndRule,

    /// <summary>A UDP socket is served no more: it is closed.</summary>
    EndListen,
}
