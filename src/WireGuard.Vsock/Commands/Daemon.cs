using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// The running daemon: constructs its parts, and is the control thread. <see cref="Run"/> owns all cold state; the lanes it
/// starts own the packets. What it does when the interface changes is in Daemon.Link.cs.
/// </summary>
internal sealed partial class Daemon : IDisposable
{
    private const int TickMs = 1000;

    /// <summary>How often control polls the grace period, while something waits for it.</summary>
    private const int GraceMs = 5;

    private readonly ILogger _log;
    private readonly NetworkKind _kind;
    private readonly ControlInbox _inbox = new();
    private readonly EventLoop _loop = new();
    private readonly Published _published;
    private readonly Aead _aead = new();
    private readonly List<Lane> _lanes = [];
    private readonly OutboundBatch _batch;
    private readonly GracePeriod _grace;
    private readonly Device _device;
    private readonly Network _network;
    private readonly Hellos _hellos;
    private readonly Handshakes _handshakes;
    private readonly SessionDriver _sessions;
    private readonly EndpointNames _names;
    private readonly Configurator _configurator;
    private readonly UapiServer _uapi;
    private readonly LinkMonitor _link;
    private readonly RouteQuery _routes = new();
    private readonly RouteMonitor? _routeMonitor;
    private readonly ControlSocketWatch _socketWatch;
    private readonly GenerationMonitor _generation;
    private readonly ServiceReport _report;
    private readonly MetricsServer? _metrics;
    private readonly Deadline _tick;
    private readonly VmClock? _vmClock;
    private string? _stopReason;
    private bool _hasFailed; // with the reason above

    // Whether control knows that the device takes no unsegmented packets.
    private bool _isSegmenting;

    private bool _saidUnlocked;

    /// <exception cref="LinuxException">A descriptor could not be had.</exception>
    /// <exception cref="SetupException">Metrics cannot be served where they are to be.</exception>
    public Daemon(DaemonOptions options, TunDevice tun, UapiListener uapi, UdpReserve? reserve, ILogger log)
    {
        _log = log;
        _kind = options.Network;
        Hello? hello = LocalHello(options, tun);
        _vmClock = VmClock.TryOpen(options.VmClock);
        _published = new Published { LocalHello = hello, Continuity = new Continuity(_vmClock) };
        if (_vmClock is not null)
            Log.VmClockFound(log, options.VmClock);
        for (int i = 0; i < options.Lanes; i++)
        {
            var queue = new TunQueue(tun, Math.Min(i, tun.QueueCount - 1));
            _lanes.Add(new Lane(i, queue, readsTun: i < tun.QueueCount, _kind.IsStream, _published, _inbox));
        }

        var counters = new LaneCounters();
        _batch = new OutboundBatch(_aead, _kind.IsStream, _inbox, counters, continuity: _published.Continuity);
        _grace = new GracePeriod([.. _lanes.Select(lane => lane.Epoch)]);
        _device = new Device(_published, _inbox.HandshakeRates, _grace, () => _lanes.ForEach(lane => lane.ForgetKeys()));
        _hellos = new Hellos(_loop, _aead, hello, log, _published.Continuity);
        _network = _kind.IsStream
            ? new StreamNetwork(_kind, _loop, NewConnections(), _hellos, options.Streams, _routes, log)
            : new UdpNetwork(_kind, _lanes, _grace, options.UdpOffloads, _routes, reserve, log);
        _handshakes = new Handshakes(_device, _network, _loop, _inbox, _aead, log)
        {
            OnComplete = peer => _sessions!.OnComplete(peer),
            OnAnswered = peer => _sessions!.Schedule(peer),
        };
        _sessions = new SessionDriver(
            _device, _network, _handshakes, _hellos, _loop, _batch, () => _lanes[0].Sockets,
            (lane, peer) => _lanes[lane].SendStaged(peer), log);
        _network.Events = _sessions;
        _names = new EndpointNames(
            _loop, new NameResolver<PeerName>(name => NameResolver.Resolve(_kind, name.Host, name.Port)), log);
        _link = new LinkMonitor(tun);
        _configurator = new Configurator(
            _device, _network, _sessions, _hellos, _names, options,
            [.. _lanes.Select(lane => lane.Counters), counters], _loop, log)
        {
            Link = _link,
        };
        _uapi = new UapiServer(uapi, _loop, _configurator, _kind, log);
        if (_kind.IsIP)
            _routeMonitor = new RouteMonitor(_loop, () => [.. _device.Peers.Values], _network.OnRoutesChanged);
        _socketWatch = new ControlSocketWatch(uapi);
        _generation = new GenerationMonitor();
        var watch = new LaneWatch([.. _lanes.Select(lane => lane.Epoch)], lane => _lanes[lane].Wake());
        _report = new ServiceReport(_loop, _configurator, watch, log);
        if (options.Service.Metrics is { } address)
        {
            _metrics = new MetricsServer(_loop, address, new DeviceMetrics(
                _device, _network, _configurator, _lanes, options, () => tun.CurrentName() ?? tun.Name).Write);
        }

        _tick = new Deadline(Tick);
        Watch();
    }

    /// <summary>
    /// Runs until it is asked to stop, or the interface or the control socket is removed. Exceptions of lanes
    /// and callbacks are thrown here.
    /// </summary>
    /// <returns>False if it must not have ended so.</returns>
    public bool Run()
    {
        foreach (Lane lane in _lanes)
            lane.Start();
        SetMtu(_link.Mtu);
        if (_link.IsUp)
            BringUp();
        _loop.Schedule(_tick, _loop.NowMs + TickMs);
        _report.Start();

        while (_stopReason is null)
        {
            _loop.RunOnce(_grace.IsEmpty ? -1 : GraceMs);
            _device.EndTurn();
            _grace.Poll();
            _aead.Forget();
        }

        if (_hasFailed)
            Log.FailedSince(_log, _stopReason);
        else
            Log.ShuttingDown(_log, _stopReason);
        return !_hasFailed;
    }

    /// <summary>Before it runs: what `status` tells of this process.</summary>
    public void Confined(SandboxReport report) => _configurator.Sandbox = report;

    /// <summary>From any thread: <see cref="Run"/> is to return.</summary>
    public void RequestStop() => _inbox.RequestStop();

    /// <summary>From any thread: this machine was cloned. Lanes send nothing more until all sessions have ended.</summary>
    public void DeclareCloned()
    {
        _published.Continuity.Declare();
        _inbox.PostSlept();
    }

    public void Dispose()
    {
        _uapi.Dispose();
        _metrics?.Dispose();
        _names.Dispose();
        _network.Close();
        foreach (Lane lane in _lanes)
            lane.Stop();
        _device.Dispose();
        // The lanes have ended, so nothing is held any more.
        _grace.Poll();
        foreach (Lane lane in _lanes)
            lane.Dispose();
        _batch.Dispose();
        _aead.Dispose();
        _link.Dispose();
        _routeMonitor?.Dispose();
        _routes.Dispose();
        _socketWatch.Dispose();
        _generation.Dispose();
        _vmClock?.Dispose();
        _loop.Dispose();
        _inbox.Dispose();
    }

    /// <summary>The HELLO that we send to peers; null for none.</summary>
    private static Hello? LocalHello(DaemonOptions options, TunDevice tun)
    {
        if (!options.Superpackets || !options.Network.IsStream)
            return null;
        if (!tun.HasHeader)
            return new Hello(0, HelloFeatures.ShortChecksums | HelloFeatures.Answers);
        HelloFeatures udp = tun.Offloads.HasFlag(TunOffloads.Udp) ? HelloFeatures.Udp : HelloFeatures.None;
        return new Hello(
            Superpacket.LargestAccepted, HelloFeatures.ShortChecksums | HelloFeatures.Answers | HelloFeatures.Tcp | udp);
    }

    private OpenConnections NewConnections() =>
        new(_loop, _inbox, [.. _lanes.Select(lane => lane.Descriptors)], _published, _grace, _log);

    private void Watch()
    {
        // Before timers and news: they may have something sent.
        _loop.OnWake = StartAnewIfBroken;
        _loop.Watch(_inbox.Fd, EPOLLIN, _ => TakeNews());
        _loop.Watch(_link.Fd, EPOLLIN, _ => FollowLink(_link.Read()));
        _loop.Watch(_socketWatch.Fd, EPOLLIN, _ => LookAtSocket());
        LookAtSocket();
        if (_generation.Fd < 0)
            return;
        _loop.Watch(_generation.Fd, EPOLLIN, _ =>
        {
            if (_generation.Read())
                _configurator.DeclareCloned();
        });
    }

    /// <summary>
    /// To remove the socket ends a daemon, as it does wireguard-go. A supervisor has other ways to end it, so with one that is a
    /// failure: another tunnel's daemon, once broken into, can remove it, and a service manager starts again only what has
    /// failed. Until then packets for the tunnel go out on other routes.
    /// </summary>
    private void LookAtSocket()
    {
        if (_stopReason is not null || _socketWatch.Read())
            return;
        _stopReason = "the control socket was removed";
        _hasFailed = Supervisor.IsThere;
    }

    private void StopUnless(bool condition, string reason)
    {
        if (!condition)
            _stopReason ??= reason;
    }

    /// <summary>Takes all that lanes have posted.</summary>
    private void TakeNews()
    {
        _inbox.BeginTaking();
        if (_inbox.Failure is { } failure)
            ExceptionDispatchInfo.Throw(failure);
        StopUnless(!_inbox.IsTunGone, "the interface was removed");
        StopUnless(!_inbox.IsStopRequested, "asked to");
        if (_inbox.IsUnsegmentedRefused && !_isSegmenting)
        {
            _isSegmenting = true;
            Log.UnsegmentedRefused(_log);
            _hellos.WithdrawSuperpackets(_device.Peers.Values);
        }

        // What is posted from now on wakes the loop again: so a turn is bounded, however busy the lanes are.
        for (int left = _inbox.ConnectionsWaiting; left > 0 && _inbox.TryTake(out StreamConnection? connection); left--)
            _network.OnSignals(connection);
        for (int left = _inbox.PeersWaiting; left > 0 && _inbox.TryTake(out Peer? peer); left--)
            _sessions.OnSignals(peer);
        // After the signals: a keypair that a lane has found confirmed must be current before a new handshake takes its place as
        // next.
        _handshakes.TakeAll();
    }

    private void Tick()
    {
        _network.Sweep();
        if (!_saidUnlocked && SecretMemory.Unlocked is > 0 and long bytes)
        {
            _saidUnlocked = true;
            Log.KeysNotLocked(_log, bytes);
        }

        _loop.Schedule(_tick, _loop.NowMs + TickMs);
    }

    /// <summary>
    /// A suspended machine ends its sessions. A cloned or restored one also closes its connections, which another machine may
    /// have too.
    /// </summary>
    private void StartAnewIfBroken()
    {
        Continuity continuity = _published.Continuity;
        if (!continuity.IsBroken)
            return;
        Log.SessionsExpired(_log);
        Continuity.State state = continuity.Look();
        bool isClone = continuity.IsCloned, wasUp = _device.IsUp;
        if (isClone)
            BringDown();
        else
            _device.EndSessions();
        continuity.Accept(state);
        if (isClone && wasUp)
            BringUp();
    }
}
