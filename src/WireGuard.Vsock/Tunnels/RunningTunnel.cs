using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tunnels;

/// <summary>A tunnel that is up, for one that changes it: holds its lock, and knows its state and what its daemon has.</summary>
internal sealed class RunningTunnel : IDisposable
{
    private readonly TunnelLock _lock;
    private readonly RouteSocket _kernel;
    private readonly KernelFacts _facts;
    private UapiClient? _daemon;

    /// <param name="held">Its own from now on, also if this throws: a lock that is not released keeps out all others.</param>
    private RunningTunnel(TunnelLock held)
    {
        _lock = held;
        try
        {
            _kernel = new RouteSocket();
            _facts = new KernelFacts(_kernel);
        }
        catch
        {
            _kernel?.Dispose();
            held.Dispose();
            throw;
        }
    }

    public TunnelState State { get; private set; } = null!;

    public UapiClient Daemon => _daemon!;

    /// <summary>As it was when the tunnel was opened.</summary>
    public DeviceStatus Status { get; private set; } = null!;

    /// <summary>Opens it.</summary>
    /// <param name="name">The interface's.</param>
    /// <param name="instance">Which tunnel of that name it must be; null for any.</param>
    /// <exception cref="SetupException">It is not up, or not ours, or another changes it.</exception>
    public static RunningTunnel Open(string name, string? instance = null)
    {
        RunningTunnel tunnel = new(TunnelLock.Take(name));
        try
        {
            tunnel.Read(name, instance);
            return tunnel;
        }
        catch
        {
            tunnel.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Connects to the daemon of one tunnel: after a `down` and an `up`, that of the new one has the same name. Provisioning does
    /// so each second, so the answer of a daemon that was broken into is bounded more narrowly than another.
    /// </summary>
    /// <param name="name">The interface's.</param>
    /// <param name="instance">Which tunnel of that name it must be.</param>
    /// <param name="status">What the daemon has.</param>
    /// <param name="folder">Of control sockets.</param>
    /// <exception cref="SetupException">It is not there, or another's.</exception>
    public static UapiClient Connect(
        string name, string instance, out DeviceStatus status, string folder = UapiListener.Folder)
    {
        UapiClient daemon = UapiClient.Connect(name, folder);
        try
        {
            status = daemon.TryStatus(UapiExchange.MaxLook)
                ?? throw new SetupException($"{name}'s daemon does not tell its state");
            Require(name, instance, status.Details?.Instance);
            return daemon;
        }
        catch
        {
            daemon.Dispose();
            throw;
        }
    }

    /// <exception cref="SetupException">It was reloaded since.</exception>
    public void RequireRevision(uint revision)
    {
        if (State.Revision != revision)
            throw new SetupException($"{State.Name} was reloaded a moment ago: it is tried again");
    }

    /// <summary>The plan of settings, with what names are resolved to, which the MTU depends on.</summary>
    /// <exception cref="SetupException">The kernel lacks what the settings need.</exception>
    public TunnelPlan PlanOf(TunnelSettings settings)
    {
        uint ownTable = State.Rules.FirstOrDefault(rule => rule.IsInverted).Table;
        return TunnelPlan.Make(WithAddresses(settings), _facts, ownTable);
    }

    /// <summary>Gives the interface the addresses, MTU and routes of its settings, and takes back what it had.</summary>
    /// <exception cref="SetupException">A step has failed.</exception>
    public void Follow(TunnelSettings settings, TunnelPlan plan)
    {
        TunnelLink link = new(_kernel, State);
        link.SetAddresses(settings.Interface.Addresses);
        link.SetMtu(plan.Mtu);
        link.SetRoutes(plan.Routes, settings.Interface);
    }

    /// <summary>The links on which IPv4 peers are reached; none unless a default route is planned over IP.</summary>
    public IReadOnlyList<string> UplinksOf(TunnelSettings settings, TunnelPlan plan) =>
        settings.Interface.Network.IsIP && plan.Routes.Any(route => route.HasRules && !route.Destination.IsIPv6)
            ? _facts.Uplinks(Status.Peers.Select(peer => peer.Endpoint ?? default))
            : [];

    /// <summary>Whether the kernel sends packets to an address into the tunnel, with that mark.</summary>
    public bool Carries(EndpointAddress to, uint mark) => _facts.LeadsToIgnoredLink(to, mark);

    public void Dispose()
    {
        _daemon?.Dispose();
        _facts.Dispose();
        _kernel.Dispose();
        _lock.Dispose();
    }

    private static void Require(string name, string instance, string? found)
    {
        if (found != instance)
            throw new SetupException($"{name} is another tunnel by now");
    }

    private void Read(string name, string? instance)
    {
        TunnelState? state = TunnelState.Load(name);
        if (state is not { IsUp: true })
            throw new SetupException($"{name} was not brought up by `up`");
        Require(name, instance ?? state.Instance, state.Instance);
        if (!TakeDown.IsOurs(state, _kernel))
        {
            throw new SetupException(UapiClient.HasListener(name)
                ? $"{name} is another program's by now"
                : $"{name}'s daemon has ended: `up` brings it up again, `down` undoes what is left");
        }

        State = state;
        _daemon = UapiClient.Connect(name);
        Status = _daemon.TryStatus() ?? throw new SetupException($"{name}'s daemon does not tell its state");
        _facts.Mark = Status.FirewallMark;
        _facts.IgnoredLink = new TunnelLink(_kernel, state).Index;
    }

    private TunnelSettings WithAddresses(TunnelSettings settings) => settings with
    {
        Peers = [.. settings.Peers.Select(peer => peer.EndpointName is { } name
            && Status.Peers.FirstOrDefault(other => other.PublicKey == peer.PublicKey) is { } known
            && known.Details?.EndpointName == name
                ? peer with { Endpoint = known.Endpoint }
                : peer)],
    };
}
