using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// The relay's control thread: which rules are in force, what they listen on, what their targets' names resolve to. The lanes
/// carry the messages (<see cref="Link"/>). <see cref="Run"/> is the thread; other threads ask it by the Request methods.
/// </summary>
internal sealed class RelayControl : IDisposable
{
    private const int TickMs = 1_000;

    private readonly ILogger _log;
    private readonly UdpOffloads _offloads;
    private readonly EventLoop _loop = new();
    private readonly FileDescriptor _wake = new(Sys.Check(Sys.EventFd(), "eventfd"));
    private readonly ConcurrentQueue<Action> _requests = new();
    private readonly Admission _admission;
    private readonly List<RelayLane> _lanes = [];
    private readonly TargetNames _names;
    private readonly MetricsServer? _metrics;
    private readonly Deadline _tick;
    private readonly Deadline _watchdog;
    private readonly LaneWatch _laneWatch;
    private readonly RelayCounters _counters = new(); // of what no lane has seen
    private readonly RelaySettings _first; // of which the limits and the metrics hold until the end
    private List<RelayPort> _ports = [];
    private List<ActiveRule> _rules = [];
    private long _shortageMs = long.MinValue / 2; // when one was last logged
    private bool _isStopping;

    /// <summary>Listens on all addresses.</summary>
    /// <exception cref="SetupException">One cannot be had.</exception>
    public RelayControl(RelaySettings settings, int lanes, UdpOffloads offloads, ILogger log)
    {
        _log = log;
        _offloads = offloads;
        _first = settings;
        _admission = new Admission(settings.Limits);
        _names = new TargetNames(_loop, Resolve, log);
        _tick = new Deadline(Tick);
        _watchdog = new Deadline(PatWatchdog);
        _loop.Watch(_wake.Fd, EPOLLIN, _ => TakeRequests());
        for (int i = 0; i < lanes; i++)
            _lanes.Add(new RelayLane(i, _admission, settings.Limits, offloads, log, Fail));
        _laneWatch = new LaneWatch([.. _lanes.Select(lane => lane.Epoch)], lane => _lanes[lane].Wake());
        try
        {
            Apply(settings);
            if (settings.Metrics is { } address)
                _metrics = new MetricsServer(_loop, address, new RelayMetrics(Summary, _admission).Write);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs until it is asked to stop. An exception of a lane is thrown here.</summary>
    public void Run()
    {
        foreach (RelayLane lane in _lanes)
            lane.Start();
        _loop.Schedule(_tick, _loop.NowMs + TickMs);
        PatWatchdog();
        ServiceNotify.Ready();
        while (!_isStopping)
            _loop.RunOnce(-1);
        ServiceNotify.Stopping();
    }

    /// <summary>From any thread.</summary>
    public void RequestStop() => Request(() => _isStopping = true);

    /// <summary>From any thread: what was read anew is to be in force.</summary>
    /// <param name="settings">Null if it has mistakes, which were said: nothing changes.</param>
    public void RequestChange(RelaySettings? settings) => Request(() => Change(settings));

    /// <summary>What was carried so far, by all lanes. Any thread may ask.</summary>
    public RelayCounters Summary()
    {
        RelayCounters sum = new();
        sum.Add(_counters);
        _lanes.ForEach(lane => sum.Add(lane.Counters));
        return sum;
    }

    public void Dispose()
    {
        foreach (RelayPort port in _ports)
            port.Dispose();
        _lanes.ForEach(lane => lane.RequestStop());
        _lanes.ForEach(lane => lane.Join());
        _lanes.ForEach(lane => lane.Dispose());
        foreach (ActiveRule rule in _rules)
            rule.Routes?.Dispose();
        _names.Dispose();
        _metrics?.Dispose();
        _loop.Dispose();
        _wake.Dispose();
    }

    private static NameAnswer Resolve(Target target) =>
        NameResolver.Resolve(target.Address.Network, target.Address.Host, (ushort)target.Address.Port);

    private void Request(Action request)
    {
        _requests.Enqueue(request);
        Sys.EventFdSignal(_wake.Fd);
    }

    private void TakeRequests()
    {
        Sys.EventFdReset(_wake.Fd);
        while (_requests.TryDequeue(out Action? request))
            request();
    }

    /// <summary>From a lane that has failed: <see cref="Run"/> throws it.</summary>
    private void Fail(Exception e) => Request(() => ExceptionDispatchInfo.Throw(e));

    private void Change(RelaySettings? settings)
    {
        ServiceNotify.Reloading();
        if (settings is not null)
            TryApply(settings);
        ServiceNotify.Ready();
    }

    private void TryApply(RelaySettings settings)
    {
        try
        {
            Apply(settings);
        }
        catch (SetupException e)
        {
            Log.RelayNotReloaded(_log, e.Message);
            return;
        }

        foreach (RelayLane lane in _lanes)
            lane.Limits = settings.Limits;
        Log.RelayReloaded(_log, settings.Rules.Count);
        RelayLimits same = settings.Limits with { IdleSeconds = _first.Limits.IdleSeconds };
        if (_first.Metrics != settings.Metrics || _first.Limits != same)
            Log.RelayKeepsLimits(_log);
    }

    /// <summary>
    /// Puts rules in force. Rules that stay keep their links. New addresses are listened on first: if one cannot be had, nothing
    /// changes.
    /// </summary>
    /// <exception cref="SetupException">One cannot be had.</exception>
    private void Apply(RelaySettings settings)
    {
        List<RelayPort> ports = OpenAll(settings);
        List<ActiveRule> before = _rules;
        _rules = [];
        _admission.IsRawAlone = settings.Rules.All(rule => rule.IsRaw);
        foreach (RelayRule rule in settings.Rules)
        {
            ActiveRule? active = before.Find(active => active.IsSame(rule));
            _rules.Add(active ?? Begin(rule, RoutesBefore(rule, before)));
            if (active is null)
            {
                foreach (TransportAddress address in rule.Listen)
                    Find(ports, address)!.Serve(_rules[^1]);
            }
        }

        List<RelayPort> unwanted = _ports.FindAll(port => !ports.Contains(port));
        _ports = ports;
        foreach (RelayPort port in unwanted)
        {
            port.Dispose();
            Log.RelayListensNoMore(_log, port.Address);
        }

        // Last: what still comes in for one of them is taken by its lane before it ends.
        foreach (ActiveRule ended in before.FindAll(rule => !_rules.Contains(rule)))
            End(ended);
    }

    /// <summary>The ports of all rules: those that are open, and new ones.</summary>
    /// <exception cref="SetupException">One cannot be had; then none was opened.</exception>
    private List<RelayPort> OpenAll(RelaySettings settings)
    {
        List<RelayPort> ports = [], opened = [];
        foreach (RelayRule rule in settings.Rules)
        {
            foreach (TransportAddress address in rule.Listen)
            {
                if (Find(_ports, address) is { } open)
                {
                    ports.Add(open);
                    continue;
                }

                try
                {
                    opened.Add(RelayPort.Open(address, _lanes, _offloads, _counters, _loop, OnShortage, _log));
                    ports.Add(opened[^1]);
                    if (opened[^1].IsListening)
                        Log.RelayListening(_log, address);
                }
                catch (SetupException e)
                {
                    opened.ForEach(port => port.Dispose());
                    bool isOurs = address.Network != NetworkKind.Unix && _ports.Exists(
                        port => port.Address.Network == address.Network && port.Address.Port == address.Port);
                    throw isOurs ? new SetupException($"{e.Message} (the relay itself listens on that port: restart it)") : e;
                }
            }
        }

        return ports;
    }

    private static RelayPort? Find(List<RelayPort> ports, TransportAddress address) =>
        ports.Find(port => port.Address == address);

    /// <summary>What decided on an address that the rule listens on.</summary>
    private static PeerRoutes? RoutesBefore(RelayRule rule, List<ActiveRule> before)
    {
        foreach (ActiveRule active in before)
        {
            foreach (TransportAddress address in active.Settings.Listen)
            {
                foreach (TransportAddress same in rule.Listen)
                {
                    if (address == same)
                        return active.Routes;
                }
            }
        }

        return null;
    }

    private ActiveRule Begin(RelayRule rule, PeerRoutes? before)
    {
        Target[] targets = new Target[Math.Max(1, rule.Peers.Count)];
        for (int i = 0; i < targets.Length; i++)
        {
            targets[i] = new Target(rule.To ?? rule.Peers[i].To);
            _names.Add(targets[i], _loop.NowMs);
        }

        PeerRoutes? routes = rule.To is null ? new PeerRoutes(rule.Peers, _admission, before) : null;
        return new ActiveRule(rule, targets, routes);
    }

    private void End(ActiveRule rule)
    {
        foreach (Target target in rule.Targets)
            _names.Remove(target);
        rule.BeginEnd(_lanes.Count);
        foreach (RelayLane lane in _lanes)
            lane.Post(new LaneOrder(rule, LaneOrderKind.EndRule));
    }

    /// <summary>Nothing is given up for a newcomer: links end by themselves.</summary>
    private bool OnShortage()
    {
        if (_loop.NowMs - _shortageMs >= TargetNames.IntervalMs)
        {
            _shortageMs = _loop.NowMs;
            Log.RelayShortage(_log);
        }

        return false;
    }

    private void Tick()
    {
        _names.Sweep(_loop.NowMs);
        _ports.ForEach(port => port.Look());
        if (ServiceNotify.IsHeard)
            ServiceNotify.Status(Summary().ToString());
        _loop.Schedule(_tick, _loop.NowMs + TickMs);
    }

    private void PatWatchdog()
    {
        if (ServiceNotify.WatchdogMs is not { } intervalMs)
            return;
        if (_laneWatch.FindStuck() is { } lane)
            Log.LaneStuck(_log, lane);
        else
            ServiceNotify.Watchdog();
        _loop.Schedule(_watchdog, _loop.NowMs + intervalMs);
    }
}
