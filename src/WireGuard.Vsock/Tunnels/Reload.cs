using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
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
        using RunningTunnel tunnel = RunningTunnel.Open(name);
        TunnelState state = tunnel.State;
        ConfigFile file = ConfigFile.Find(state.Config);
        using TunnelSettings given = read(file);
        RequireSameDaemon(state, given);

        bool isForgotten = ForgetOffer(tunnel, given);
        TunnelSettings settings = LearnedSettings.Add(given, state.Taken, tunnel.Status.Peers);
        TunnelPlan plan = tunnel.PlanOf(settings);
        PublicKey? generated = Set(tunnel, settings, plan, file);
        if (generated is { } key)
            sayGenerated(key);
        // The daemon has the new keys and peers: its process follows them, even if a step fails from here on.
        state.Revision++;
        state.Save();
        if (isForgotten && state.Dns is "")
        {
            Dns.TakeBack(state);
            Dns.Set(settings.Interface, state);
        }

        tunnel.Follow(settings, plan); // last: where a step of it fails, the next reload makes up for it
        state.Save();
    }

    /// <summary>
    /// What a verifier has offered goes with it, when the file takes it no more: what another has offered takes its place, if
    /// one was taken after it that the file still names.
    /// </summary>
    /// <returns>Whether what the first has offered is another now, or nothing.</returns>
    private static bool ForgetOffer(RunningTunnel tunnel, TunnelSettings file)
    {
        TunnelState state = tunnel.State;
        if (state.Taken is not { } taken || file.Interface.Provision is not { } provision)
            return false;
        // One that the file names anew has confirmed nothing since.
        _ = state.Later.RemoveAll(offer => !LearnedSettings.Admits(provision, offer.By, taken.By)
            || !tunnel.Status.Peers.Any(peer => peer.PublicKey == offer.By));
        if (LearnedSettings.Admits(provision, taken.By, taken.By))
            return false;
        PublicKey own = tunnel.Status.PrivateKey?.PublicKey ?? default;
        List<PeerStatus> others = [.. tunnel.Status.Peers.Where(peer => peer.PublicKey != taken.By)];
        state.Taken = state.Later.Find(
            offer => OfferCheck.Problem(own, offer.By, offer.Offer, file, taken: null, others) is null);
        if (state.Taken is { } next)
            _ = state.Later.Remove(next);
        else
            state.Later.Clear();
        return true;
    }

    /// <summary>Keys and peers. A key that was generated stays, if one still is to be.</summary>
    /// <returns>The public half of one that is generated now.</returns>
    private static PublicKey? Set(RunningTunnel tunnel, TunnelSettings settings, TunnelPlan plan, ConfigFile file)
    {
        TunnelState state = tunnel.State;
        bool generates = settings.Interface.PrivateKey.Generates;
        using PrivateKey? key = generates && state.HasGeneratedKey ? null : BringUp.PrivateKeyOf(settings.Interface, file);
        using DeviceChange change = settings.ToDeviceChange(key, file.ReadPresharedKey);
        // What is no longer said is reset, as by `wg syncconf`; but a port that the daemon chose stays.
        change.FirewallMark = plan.FirewallMark ?? 0;
        bool hasPort = change.ListenPort is not null;
        if (!hasPort && state.HasListenPort)
            change.ListenPort = 0;
        DeviceDifference.Reduce(change, tunnel.Status);
        try
        {
            tunnel.Daemon.Set(change);
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

    private static void RequireSameDaemon(TunnelState state, TunnelSettings given)
    {
        InterfaceSettings settings = given.Interface;
        string wanted = TunnelState.DaemonOf(settings);
        string mend = $"{Say.ProgramName} down {state.Name}, then up";
        if (wanted.Split(' ')[0] != state.Daemon.Split(' ')[0])
            throw new SetupException($"Network has changed, which a reload cannot take up: {mend}");
        string? learns = TunnelState.LearnsOf(given);
        if (learns != state.Learns && (learns is not (null or "peers") || state.Learns is not "peers"))
        {
            string what = learns is "peers" && state.Learns is null ? "a [Peer] with Attest was added" : "Provision has changed";
            throw new SetupException($"{what}, which a reload cannot take up: {mend}");
        }

        if (wanted != state.Daemon)
            Say.Error($"warning: Streams or Superpackets has changed, which a reload cannot take up: {mend}");
        if (state.Dns is { } dns && dns != TunnelState.DnsOf(settings))
            Say.Error($"warning: DNS has changed, which a reload cannot take up: {mend}");
    }
}
