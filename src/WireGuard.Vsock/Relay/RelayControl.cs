using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Processes;
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
    public void RequestChange(RelaySettings settings) => Request(() => Change(settings));

    /// <summary>What was carried so far, by all lanes. Any thread may ask.</summary>
    public RelaySummary Summary() => RelaySummary.Of([_counters, .. _lanes.Select(lane => lane.Counters)]);

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

    private void Change(RelaySettings settings)
    {
        ServiceNotify.Reloading();
        try
        {
            Apply(settings);
            foreach (RelayLane lane in _lanes)
                lane.Limits = settings.Limits;
            Log.RelayReloaded(_log, settings.Rules.Count);
            RelayLimits same = settings.Limits with { IdleSeconds = _first.Limits.IdleSeconds };
            if (_first.Metrics != settings.Metrics || _first.Limits != same)
                Log.RelayKeepsLimits(_log);
        }
        catch (SetupException e)
        {
            Log.RelayNotReloaded(_log, e.Message);
        }
        finally
        {
            ServiceNotify.Ready();
        }
    }

    /// <summary>
    /// Puts rules in force. Rules that stay keep their links. New addresses are listened on first: if one cannot be had, nothing
    /// changes.
    /// </summary>
    /// <exception cref="SetupException">One cannot be had.</exception>
    private void Apply(RelaySettings settings)
    {
        Dictionary<TransportAddress, RelayPort> ports = _ports.ToDictionary(port => port.Address);
        List<RelayPort> opened = OpenAll(
            [.. settings.Rules.SelectMany(rule => rule.Listen).Where(address => !ports.ContainsKey(address))]);
        foreach (RelayPort port in opened)
            ports.Add(port.Address, port);
        List<ActiveRule> before = _rules;
        _rules = [.. settings.Rules.Select(rule => before.Find(active => active.IsSame(rule)) ?? Begin(rule))];
        foreach (ActiveRule rule in _rules.Except(before))
        {
            foreach (TransportAddress address in rule.Settings.Listen)
                ports[address].Serve(rule);
        }

        HashSet<TransportAddress> wanted = [.. settings.Rules.SelectMany(rule => rule.Listen)];
        foreach (RelayPort port in ports.Values.Where(port => !wanted.Contains(port.Address)))
        {
            port.Dispose();
            Log.RelayListensNoMore(_log, port.Address);
        }

        _ports = [.. ports.Values.Where(port => wanted.Contains(port.Address))];
        // Last: what still comes in for one of them is taken by its lane before it ends.
        foreach (ActiveRule ended in before.Except(_rules))
            End(ended);
    }

    private List<RelayPort> OpenAll(TransportAddress[] addresses)
    {
        List<RelayPort> opened = [];
        try
        {
            foreach (TransportAddress address in addresses)
            {
                opened.Add(RelayPort.Open(address, _lanes, _offloads, _counters, _loop, OnShortage));
                Log.RelayListening(_log, address);
            }

            return opened;
        }
        catch (SetupException e)
        {
            opened.ForEach(port => port.Dispose());
            TransportAddress failed = addresses[opened.Count];
            bool isOurs = _ports.Exists(
                port => port.Address.Network == failed.Network && port.Address.Port == failed.Port);
            throw isOurs ? new SetupException($"{e.Message} (the relay itself listens on that port: restart it)") : e;
        }
    }

    private ActiveRule Begin(RelayRule rule)
    {
        Target[] targets = rule.To is { } to ? [new Target(to)] : [.. rule.Peers.Select(peer => new Target(peer.To))];
        foreach (Target target in targets)
            _names.Add(target, _loop.NowMs);
        PeerRoutes? routes = rule.To is null ? new PeerRoutes(rule.Peers, _admission) : null;
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
        if (ServiceNotify.IsHeard)
            ServiceNotify.Status(Summary().ToString());
        _loop.Schedule(_tick, _loop.NowMs + TickMs);
    }

    private void PatWatchdog()
    {
        if (ServiceNotify.WatchdogMs is not { } intervalMs)
            return;
        ServiceNotify.Watchdog();
        _loop.Schedule(_watchdog, _loop.NowMs + intervalMs);
    }
}
