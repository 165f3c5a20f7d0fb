using System.Collections.Concurrent;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// One event loop of the data plane, on a thread of its own. It owns a queue of the TUN device, a UDP socket a family where the
/// network is UDP, and its share of the stream connections, and runs every packet from one to the other by itself:
/// <see cref="Outbound"/> and <see cref="Inbound"/>. It never blocks but in epoll_wait(2).
/// </summary>
internal sealed class Lane : IDisposable
{
    private readonly EpollEvents _events = new(64);
    private readonly Aead _aead = new();
    private readonly Backpressure _backpressure = new();
    private readonly BusyPoll _poll = new();
    private readonly int _index;
    private readonly TunQueue _tun;
    private readonly Published _published;
    private readonly ControlInbox _inbox;
    private readonly OutboundBatch _batch;
    private readonly Outbound _outbound;
    private readonly Inbound _inbound;
    private readonly ConcurrentQueue<Peer> _staged = new();
    private readonly Thread _thread;
    private readonly int _epoll;
    private readonly int _wake;
    private volatile UdpSockets? _sockets;
    private volatile bool _isStopping;
    private bool _isTunGone;
    private bool _isTunPaused;

    /// <param name="index">From 0.</param>
    /// <param name="tun">The TUN queue to serve.</param>
    /// <param name="readsTun">False when there are fewer queues than lanes and another lane reads this one.</param>
    /// <param name="isStream">Whether messages travel in frames.</param>
    /// <param name="published">What control publishes.</param>
    /// <param name="inbox">Where news for control goes.</param>
    public Lane(int index, TunQueue tun, bool readsTun, bool isStream, Published published, ControlInbox inbox)
    {
        _index = index;
        _tun = tun;
        _published = published;
        _inbox = inbox;
        _batch = new OutboundBatch(_aead, isStream, inbox, Counters, index, _backpressure, published.Continuity);
        _outbound = new Outbound(tun, _batch, published, inbox, Counters);
        _inbound = new Inbound(tun, _aead, published, inbox, Counters);
        _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
        _wake = Sys.Check(Sys.EventFd(), "eventfd");
        Sys.Check(Sys.EpollAdd(_epoll, _wake, EPOLLIN, LaneEvents.Wake), "epoll_ctl");
        if (readsTun)
            Sys.Check(Sys.EpollAdd(_epoll, tun.Fd, EPOLLIN, LaneEvents.Tun), "epoll_ctl");
        _thread = new Thread(Run) { Name = $"lane {index}", IsBackground = true };
    }

    /// <summary>For the code that gives it a connection.</summary>
    public LaneDescriptors Descriptors => new(_epoll, _wake);

    public LaneEpoch Epoch { get; } = new();

    public LaneCounters Counters { get; } = new();

    /// <summary>From any thread: for how many microseconds it has had something to do.</summary>
    public long BusyUs => _poll.BusyUs;

    /// <summary>Its UDP sockets. Set by control; the ones before must stay open until no lane can still use them.</summary>
    /// <exception cref="LinuxException">One of them cannot be watched.</exception>
    public UdpSockets? Sockets
    {
        get => _sockets;
        set
        {
            Unregister(_sockets?.IPv4);
            Unregister(_sockets?.IPv6);
            _sockets = value;
            Register(value?.IPv4, LaneEvents.UdpIPv4);
            Register(value?.IPv6, LaneEvents.UdpIPv6);
        }
    }

    public void Start() => _thread.Start();

    /// <summary>Has the lane wipe its copies of the keys it used last: a keypair may have ended.</summary>
    public void ForgetKeys() => Wake();

    /// <summary>Has the lane take a turn, which moves its epoch.</summary>
    public void Wake() => Sys.EventFdSignal(_wake);

    /// <summary>
    /// From control: what the lane has staged for a peer may be sent. A peer waits here once (<see
    /// cref="StagedPackets.TryAsk"/>).
    /// </summary>
    public void SendStaged(Peer peer)
    {
        _staged.Enqueue(peer);
        Sys.EventFdSignal(_wake);
    }

    /// <summary>Ends the loop and waits for it.</summary>
    public void Stop()
    {
        _isStopping = true;
        Sys.EventFdSignal(_wake);
        if (_thread.IsAlive)
            _thread.Join();
    }

    public void Dispose()
    {
        Sys.Close(_epoll);
        Sys.Close(_wake);
        _batch.Dispose();
        _inbound.Dispose();
        _outbound.Dispose();
        _aead.Dispose();
    }

    /// <summary>
    /// The thread. An exception is passed to control, which ends the daemon in order.
    /// </summary>
    private void Run()
    {
        try
        {
            Loop();
        }
        catch (Exception e)
        {
            // Only a batch can fail: what it held is let go of.
            Epoch.Leave();
            _inbox.PostFailure(e);
        }
    }

    private void Loop()
    {
        while (!_isStopping)
        {
            // A peer queued after the lane last checked, and before it reset the eventfd, causes no other wake-up.
            int count = _poll.Wait(_epoll, _events, _staged.IsEmpty ? _backpressure.SleepMs : 0);
            Door.Pass();
            Epoch.Enter();
            long nowMs = Sys.BootMs();
            if (MustWait())
                count = 0;
            else if (!_staged.IsEmpty)
                SendStaged(nowMs);
            for (int i = 0; i < count; i++)
                Dispatch(_events.Data(i), _events.Events(i), nowMs);
            PaceTun(nowMs);
            Epoch.Leave();
        }
    }

    /// <summary>
    /// Whether the machine was suspended or cloned since control last looked. Nothing is read before control has ended the
    /// sessions: it would only be dropped.
    /// </summary>
    private bool MustWait()
    {
        if (!_published.Continuity.IsBroken)
            return false;
        _inbox.PostSlept();
        Thread.Yield();
        return true;
    }

    /// <summary>Before the device is read: staging space is limited.</summary>
    private void SendStaged(long nowMs)
    {
        for (int left = _staged.Count; left > 0 && _staged.TryDequeue(out Peer? peer); left--)
            _outbound.SendStaged(peer, _sockets, nowMs);
        _outbound.Flush(_sockets, nowMs);
    }

    private void Dispatch(ulong data, uint events, long nowMs)
    {
        if (LaneEvents.IsStream(data))
        {
            if (!_published.Connections.TryGetValue(data, out StreamConnection? connection))
                return;
            if ((events & EPOLLOUT) != 0)
                connection.OnWritable(_index, nowMs);
            if ((events & ~EPOLLOUT) != 0)
                _inbound.OnReadable(connection, nowMs);
            return;
        }

        switch (data)
        {
            case LaneEvents.Tun when !_isTunGone:
                if (!_outbound.OnReadable(_sockets, nowMs))
                    TunGone();
                _backpressure.HasRead(_outbound.PacketsRead, _outbound.HasEmptied, nowMs);
                break;
            case LaneEvents.UdpIPv4 when _sockets?.IPv4 is { } socket:
                _inbound.OnReadable(socket, nowMs);
                break;
            case LaneEvents.UdpIPv6 when _sockets?.IPv6 is { } socket:
                _inbound.OnReadable(socket, nowMs);
                break;
            case LaneEvents.Wake:
                Sys.EventFdReset(_wake);
                _aead.Forget();
                break;
        }
    }

    /// <summary>Stops reading the TUN device for a moment while no packet could be sent.</summary>
    private void PaceTun(long nowMs)
    {
        if (_isTunGone)
            return;
        bool mustWait = _backpressure.MustWait(_index, _published.Snapshot.HasSeveralPeers, nowMs);
        if (mustWait == _isTunPaused)
            return;
        _isTunPaused = mustWait;
        Sys.EpollModify(_epoll, _tun.Fd, mustWait ? 0 : EPOLLIN, LaneEvents.Tun);
    }

    private void TunGone()
    {
        _isTunGone = true;
        Sys.EpollDelete(_epoll, _tun.Fd);
        _inbox.PostTunGone();
    }

    private void Register(UdpSocket? socket, ulong data)
    {
        if (socket is not null)
            Sys.Check(Sys.EpollAdd(_epoll, socket.Fd, EPOLLIN, data), "epoll_ctl");
    }

    private void Unregister(UdpSocket? socket)
    {
        if (socket is not null)
            Sys.EpollDelete(_epoll, socket.Fd);
    }
}
