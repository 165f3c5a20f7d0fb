using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// `reload`: a tunnel that is up takes up what has changed in its file: keys and peers as `wg syncconf` does, addresses, MTU and
/// routes. Of a peer only what differs is set, so sessions go on.
/// </summary>
internal static class Reload
{
    /// <summary>Reloads a tunnel.</summary>
    /// <param name="name">The interface's.</param>
    /// <param name="read">Reads a configuration file, says its mistakes, and throws if there are any.</param>
    /// <param name="sayGenerated">Says the public half of a key that was generated.</param>
    /// <exception cref="SetupException">It is not up or not ours, or its file has mistakes: then nothing has changed.</exception>
    public static void Run(string name, Func<ConfigFile, TunnelSettings> read, Action<PublicKey> sayGenerated)
    {
        using TunnelLock held = TunnelLock.Take(name);
        using RouteSocket kernel = new();
        TunnelState? state = TunnelState.Load(name);
        if (state is not { IsUp: true })
            throw new SetupException($"{name} was not brought up by `up`");
        if (!TakeDown.IsOurs(state, kernel))
        {
            throw new SetupException(UapiClient.HasListener(name)
                ? $"{name} is another program's by now"
                : $"{name}'s daemon has ended: `up` brings it up again, `down` undoes what is left");
        }

        ConfigFile file = ConfigFile.Find(state.Config);
        using TunnelSettings settings = read(file);
        RequireSameDaemon(state, settings.Interface);

        using KernelFacts facts = new(kernel);
        TunnelLink link = new(kernel, state);
        using UapiClient daemon = UapiClient.Connect(name);
        DeviceStatus status = daemon.TryStatus() ?? throw new SetupException($"{name}'s daemon does not tell its state");
        facts.Mark = status.FirewallMark;
        facts.IgnoredLink = link.Index;
        uint ownTable = state.Rules.FirstOrDefault(rule => rule.IsInverted).Table;
        TunnelPlan plan = TunnelPlan.Make(WithAddresses(settings, status), facts, ownTable);
        PublicKey? generated = Set(daemon, status, settings, state, plan, file);
        if (generated is { } key)
            sayGenerated(key);
        link.SetAddresses(settings.Interface.Addresses);
        link.SetMtu(plan.Mtu);
        link.SetRoutes(plan.Routes, settings.Interface);
        state.Save();
    }

    /// <summary>Keys and peers. A key that was generated stays, if one still is to be.</summary>
    /// <returns>The public half of one that is generated now.</returns>
    private static PublicKey? Set(
        UapiClient daemon, DeviceStatus status, TunnelSettings settings, TunnelState state, TunnelPlan plan, ConfigFile file)
    {
        bool generates = settings.Interface.PrivateKey.Generates;
        using PrivateKey? key = generates && state.HasGeneratedKey ? null : BringUp.PrivateKeyOf(settings.Interface, file);
        using DeviceChange change = settings.ToDeviceChange(key, file.ReadPresharedKey);
        // What is no longer said is reset, as by `wg syncconf`; but a port that the daemon chose stays.
        change.FirewallMark = plan.FirewallMark ?? 0;
        bool hasPort = change.ListenPort is not null;
        if (!hasPort && state.HasListenPort)
            change.ListenPort = 0;
        DeviceDifference.Reduce(change, status);
        try
        {
            daemon.Set(change);
        }
        catch (UapiException e) when (e.Errno == Errno.EADDRINUSE && change.ListenPort is { } port)
        {
            throw new SetupException(
                $"{state.Name}: listening port {port} is taken: stop what has it, or change ListenPort; nothing has changed");
        }

        state.HasGeneratedKey = generates;
        state.HasListenPort = hasPort;
        return generates ? key?.PublicKey : null;
    }

    /// <summary>With what names are resolved to, which the MTU depends on.</summary>
    private static TunnelSettings WithAddresses(TunnelSettings settings, DeviceStatus status) => settings with
    {
        Peers = [.. settings.Peers.Select(peer => peer.EndpointName is { } name
            && status.Peers.FirstOrDefault(other => other.PublicKey == peer.PublicKey) is { } known
            && known.Details?.EndpointName == name
                ? peer with { Endpoint = known.Endpoint }
                : peer)],
    };

    private static void RequireSameDaemon(TunnelState state, InterfaceSettings settings)
    {
        string wanted = TunnelState.DaemonOf(settings);
        string mend = $"{Say.ProgramName} down {state.Name}, then up";
        if (wanted.Split(' ')[0] != state.Daemon.Split(' ')[0])
            throw new SetupException($"Network has changed, which a reload cannot take up: {mend}");
        if (wanted != state.Daemon)
            Say.Error($"warning: Streams or Superpackets has changed, which a reload cannot take up: {mend}");
        if (state.Dns is { } dns && dns != TunnelState.DnsOf(settings))
            Say.Error($"warning: DNS has changed, which a reload cannot take up: {mend}");
    }
}
