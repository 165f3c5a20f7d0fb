using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// `up`: what wg-quick's cmd_up does, in its order, but over netlink and the control socket. When a step fails, or the process is
/// told to end, what was done is undone. A process that is killed leaves what <see cref="TunnelState"/> tells of, which the next
/// `up` or `down` undoes.
/// </summary>
internal sealed class BringUp : IDisposable
{
    private const int LinkUpMs = 1000, LinkUpStepMs = 5;

    private readonly ConfigFile _file;
    private readonly TunnelSettings _settings;
    private readonly Action _stopIfAsked;
    private readonly RouteSocket _kernel = new();
    private readonly KernelFacts _facts;

    /// <param name="file">The configuration file.</param>
    /// <param name="settings">What it says.</param>
    /// <param name="stopIfAsked">Called between steps: throws a <see cref="SetupException"/> when the process is to end.</param>
    public BringUp(ConfigFile file, TunnelSettings settings, Action stopIfAsked)
    {
        _file = file;
        _settings = settings;
        _stopIfAsked = stopIfAsked;
        _facts = new KernelFacts(_kernel);
    }

    /// <summary>The public half of a key that was generated; null if none was.</summary>
    public PublicKey? Generated { get; private set; }

    private string Name => _file.InterfaceName;

    private InterfaceSettings Device => _settings.Interface;

    /// <summary>Brings the tunnel up.</summary>
    /// <param name="start">
    /// Starts the daemon, which tells that it is of that state's instance, and keeps the lock until it is ready. Returns then.
    /// </param>
    /// <returns>What was done.</returns>
    /// <exception cref="SetupException">A step failed, and everything was undone.</exception>
    public TunnelState Run(Action<TunnelLock, TunnelState> start)
    {
        using TunnelLock held = TunnelLock.Take(Name);
        RequireDown();
        TunnelState state = TunnelState.Begin(
            Name, _file.Path, NewInstance(), TunnelState.DaemonOf(Device), TunnelState.LearnsOf(_settings));
        state.Dns = TunnelState.DnsOf(Device);
        state.Save();
        try
        {
            Programs.RunHooks("PreUp", Device.PreUp, Name);
            _stopIfAsked();
            start(held, state);
            _stopIfAsked();
            Configure(state);
            Programs.RunHooks("PostUp", Device.PostUp, Name);
            _stopIfAsked();
            state.IsUp = true;
            state.Save();
            return state;
        }
        catch
        {
            UndoWhatCanBe(state);
            throw;
        }
    }

    public void Dispose()
    {
        _facts.Dispose();
        _kernel.Dispose();
    }

    /// <summary>16 random digits.</summary>
    private static string NewInstance()
    {
        Span<byte> bytes = stackalloc byte[8];
        SecureRandom.Fill(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    /// <summary>Undoes what an `up` has left that was killed, or a tunnel whose daemon is gone.</summary>
    /// <exception cref="SetupException">The tunnel is up, or the interface is another program's.</exception>
    private void RequireDown()
    {
        if (TunnelState.Load(Name) is { } left)
        {
            if (left.IsUp && TakeDown.IsOurs(left, _kernel))
                throw new SetupException($"{Name} is up already (`reload` takes up changes of its file, `down` ends it)");
            TakeDown.Undo(left, _kernel);
        }

        if (_kernel.Find(Name, out LinkState link) < 0)
            return;
        string kind = link.Kind is { } word ? $", of the kind {word}" : "";
        throw new SetupException($"there is an interface {Name}{kind}, which `up` has not made: delete it, or rename the file");
    }

    /// <summary>What has failed is about to be said: what cannot be undone comes before it.</summary>
    private void UndoWhatCanBe(TunnelState state)
    {
        try
        {
            TakeDown.Undo(state, _kernel);
        }
        catch (SetupException e)
        {
            Say.Error(e.Message);
        }
    }

    /// <summary>From [set_config] to the last [add_route].</summary>
    private void Configure(TunnelState state)
    {
        BringLoopbackUp();
        TunnelLink link = new(_kernel, state);
        TunnelSettings settings = EndpointLookup.Resolve(_settings, _stopIfAsked);
        TunnelPlan plan = TunnelPlan.Make(settings, _facts);
        bool hasDefault = plan.Routes.Any(route => route.HasRules && !route.Destination.IsIPv6);
        IReadOnlyList<string> uplinks = hasDefault && Device.Network.IsIP
            ? _facts.Uplinks(settings.Peers.Select(peer => peer.Endpoint ?? default))
            : [];
        SetKeys(settings, state, plan);
        link.SetAddresses(Device.Addresses);
        link.SetMtu(plan.Mtu);
        link.SetUp();
        WarnOfPort();
        _stopIfAsked();
        Dns.Set(Device, state);
        _stopIfAsked();
        if (hasDefault)
            SourceChecks.Prepare(uplinks);
        link.SetRoutes(plan.Routes, Device);
        SourceChecks.Warn(uplinks);
        _stopIfAsked();
    }

    private void BringLoopbackUp()
    {
        if (_kernel.Find("lo", out LinkState loopback) >= 0 && !loopback.IsUp)
            _ = _kernel.SetUp(loopback.Index, true);
    }

    private void SetKeys(TunnelSettings settings, TunnelState state, TunnelPlan plan)
    {
        using PrivateKey? key = PrivateKeyOf(Device, _file);
        using DeviceChange change = settings.ToDeviceChange(key, _file.ReadPresharedKey);
        change.FirewallMark = plan.FirewallMark;
        state.HasListenPort = Device.ListenPort is not null;
        if (Device.PrivateKey.Generates)
        {
            state.HasGeneratedKey = true;
            Generated = key!.PublicKey;
        }

        using UapiClient daemon = UapiClient.Connect(Name);
        daemon.Set(change);
    }

    /// <summary>
    /// A port that is taken ends nothing: the program that has it may be about to end, and peers are called meanwhile. But it is
    /// said.
    /// </summary>
    private void WarnOfPort()
    {
        if (Device.ListenPort is null or 0 && Device.Network != NetworkKind.Unix)
            return;
        using UapiClient daemon = UapiClient.Connect(Name);
        DeviceDetails? details = null;
        // It hears from the kernel that its link is up, and listens then.
        for (int waitedMs = 0; details is not { IsUp: true } && waitedMs < LinkUpMs; waitedMs += LinkUpStepMs)
        {
            if (waitedMs > 0)
                Thread.Sleep(LinkUpStepMs);
            details = daemon.TryStatus()?.Details;
            daemon.Forget();
        }

        string mend = Device.Network == NetworkKind.Unix ? "" : ": stop what has it, or change ListenPort";
        if (details?.ListenError is { } error)
            Say.Error($"warning: {Name}: {error}{mend}; it is tried again each second");
    }

    /// <summary>A key that is generated or read from a file of its own; null if it is neither.</summary>
    internal static PrivateKey? PrivateKeyOf(InterfaceSettings device, ConfigFile file) =>
        device.PrivateKey.Generates ? PrivateKey.Generate()
        : device.PrivateKey.File is { } path ? file.ReadPrivateKey(path)
        : null;
}
