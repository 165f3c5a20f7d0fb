using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tunnels;

/// <summary>`down`: what wg-quick's cmd_down does, for a tunnel that `up` has made.</summary>
internal static class TakeDown
{
    private const int PatienceMs = 15_000;
    private const int GoneMs = 1000;
    private const int StepMs = 5;

    /// <summary>Takes a tunnel down.</summary>
    /// <param name="name">The interface's name.</param>
    /// <exception cref="SetupException">It is not up, or not ours; a hook has failed, or something cannot be undone.</exception>
    public static void Run(string name)
    {
        using RouteSocket kernel = new();
        using TunnelLock held = TunnelLock.Take(name);
        bool hasLink = kernel.Find(name, out _) >= 0;
        TunnelState state = TunnelState.Load(name) ?? throw new SetupException(
            hasLink ? $"{name} was not brought up by `up`, and is left alone" : $"{name} is not up");
        bool isOurs = Run(state, kernel, isLeaving: false);
        if (hasLink && !isOurs && kernel.Find(name, out _) >= 0)
        {
            throw new SetupException(
                $"{name} is another program's by now, and is left alone; the rest of what `up` did is undone");
        }
    }

    /// <summary>
    /// Takes down a tunnel that this process has brought up and that cannot stay. One that is down already is no failure.
    /// </summary>
    /// <returns>False if something could not be done, which was said.</returns>
    public static bool TryRun(TunnelState made) => Try(() =>
    {
        using RouteSocket kernel = new();
        using TunnelLock? held = TunnelLock.TryTake(made.Name);
        if (held is not null && Remembered(made, kernel) is { } state)
            Run(state, kernel, isLeaving: true);
        else if (held is null && IsOurs(made, kernel))
            throw new SetupException($"another up, down or reload of {made.Name} is running: `down` undoes what it leaves");
    });

    /// <summary>Whether the interface is the one that was made then, and is where it was made.</summary>
    /// <exception cref="SetupException">Its daemon does not answer, or its interface was renamed or moved.</exception>
    public static bool IsOurs(TunnelState state, RouteSocket kernel)
    {
        for (long end = Sys.MonotonicMs() + GoneMs; ; Thread.Sleep(StepMs))
        {
            DeviceDetails? daemon = Ask(state.Name);
            if (daemon?.Instance != state.Instance)
                return false;
            bool isElsewhere = daemon.Namespace is { } there && kernel.Namespace is { } here && there != here;
            if (daemon.Interface == state.Name && !isElsewhere)
                return true;
            // With an interface that was deleted a moment ago its daemon ends.
            if (Sys.MonotonicMs() < end)
                continue;
            string where = !isElsewhere ? $"called {daemon.Interface} by now"
                : daemon.Namespace == 0 ? "no longer in the network namespace of its daemon"
                : "in another network namespace";
            throw new SetupException(daemon.Interface is { } link && (isElsewhere || link != state.Name)
                ? $"{state.Name}'s interface is {where}: put it back, or delete it, and then try again"
                : $"{state.Name}'s interface is gone, but its daemon has not ended: end it, and then try again");
        }
    }

    /// <summary>
    /// Undoes what the state tells of, whether it was done or only about to be, and forgets it. What cannot be undone is said,
    /// and remembered.
    /// </summary>
    /// <exception cref="SetupException">Something could not be undone.</exception>
    public static void Undo(TunnelState state, RouteSocket kernel)
    {
        bool isDone = Try(() => DeleteRules(state, kernel)) & Try(() => DeleteLink(state, kernel)) & Try(() => Dns.Unset(state));
        if (isDone)
        {
            state.Remove();
            return;
        }

        state.Save();
        throw new SetupException($"{state.Name} is not wholly down: mend that, then {Say.ProgramName} down {state.Name}");
    }

    /// <param name="state">Of the tunnel.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="isLeaving">Whether it goes down even if a hook fails.</param>
    /// <returns>Whether the interface was there, and ours.</returns>
    private static bool Run(TunnelState state, RouteSocket kernel, bool isLeaving)
    {
        bool isOurs = IsOurs(state, kernel);
        using ConfigResult? file = ReadFile(state);
        InterfaceSettings hooks = state.IsUp && file?.Settings is { } settings ? settings.Interface : new InterfaceSettings();
        if (isOurs && !Try(() => Programs.RunHooks("PreDown", hooks.PreDown, state.Name), throws: !isLeaving))
            Say.Error($"{state.Name} goes down all the same");
        Undo(state, kernel);
        RemoveGuestSockets(file?.Settings);
        Programs.RunHooks("PostDown", hooks.PostDown, state.Name);
        return isOurs;
    }

    /// <summary>What is to be undone: what its file says, or what is known without it, if it was removed or damaged.</summary>
    /// <returns>Null if the tunnel is down already.</returns>
    private static TunnelState? Remembered(TunnelState made, RouteSocket kernel)
    {
        try
        {
            if (TunnelState.Load(made.Name) is { } found)
                return found.Instance == made.Instance ? found : null;
        }
        catch (SetupException e)
        {
            Say.Error(e.Message);
            return made;
        }

        return IsOurs(made, kernel) ? made : null;
    }

    /// <summary>What the daemon of an interface tells; null if there is none, or another program's.</summary>
    private static DeviceDetails? Ask(string name)
    {
        try
        {
            using UapiClient daemon = UapiClient.Connect(name);
            return daemon.TryStatus()?.Details;
        }
        catch (UapiException e) when (e.Errno == Errno.ENODEV)
        {
            return null;
        }
    }

    private static void DeleteRules(TunnelState state, RouteSocket kernel)
    {
        foreach (RuleMessage rule in state.Rules.ToList())
        {
            int result = kernel.DeleteExactly(rule);
            if (result < 0 && result != -Errno.ENOENT && !RouteSocket.IsUnsupported(result))
                throw new SetupException($"cannot delete the rule '{rule}': {kernel.Explain(result)}");
            _ = state.Rules.Remove(rule);
        }
    }

    /// <summary>With the interface go its addresses and routes, and its daemon ends.</summary>
    private static void DeleteLink(TunnelState state, RouteSocket kernel)
    {
        if (!IsOurs(state, kernel))
        {
            RemoveLeftovers(state.Name, kernel);
            return;
        }

        int result = kernel.Find(state.Name, out LinkState link);
        if (result >= 0)
            result = kernel.DeleteLink(link.Index);
        if (result < 0 && result != -Errno.ENODEV)
            throw new SetupException($"cannot delete the interface {state.Name}: {kernel.Explain(result)}");
        string socket = $"{UapiListener.Folder}/{state.Name}.sock";
        if (!WaitUntil(() => Sys.Stat(socket, out _) < 0, PatienceMs))
            throw new SetupException($"{state.Name}'s daemon has not ended within {PatienceMs / 1000} s");
    }

    /// <summary>
    /// A daemon that was killed a moment ago leaves an interface that is about to go, and the control socket's file.
    /// </summary>
    private static void RemoveLeftovers(string name, RouteSocket kernel)
    {
        if (UapiClient.HasListener(name))
            return;
        bool isGone = WaitUntil(() => kernel.Find(name, out LinkState link) < 0 || link.Kind != "tun", GoneMs);
        // A daemon that is being started makes its interface before its socket.
        if (isGone && kernel.Find(name, out _) < 0)
            UapiListener.RemoveLeftover(name);
    }

    /// <summary>A daemon that was killed leaves the sockets where guests call. One on which a process listens stays.</summary>
    private static void RemoveGuestSockets(TunnelSettings? settings)
    {
        if (settings is not { Interface: { ListenPort: { } port } own } || own.Network != NetworkKind.Unix)
            return;
        foreach (PeerSettings peer in settings.Peers)
        {
            string? attested = peer.Attest is { Address: { Network: NetworkKind.Unix } address } ? address.Host : null;
            if ((peer.Endpoint?.Path ?? attested) is { } path)
                _ = UnixListener.RemoveLeftover(UnixAddress.ListeningPath(path, port));
        }
    }

    /// <summary>False if it did not come true in time.</summary>
    private static bool WaitUntil(Func<bool> condition, int patienceMs)
    {
        for (long end = Sys.MonotonicMs() + patienceMs; !condition(); Thread.Sleep(StepMs))
        {
            if (Sys.MonotonicMs() >= end)
                return false;
        }

        return true;
    }

    /// <summary>False if it has failed, which was said.</summary>
    private static bool Try(Action step, bool throws = false)
    {
        try
        {
            step();
            return true;
        }
        catch (Exception e) when (!throws && e is SetupException or LinuxException)
        {
            Say.Error(e.Message);
            return false;
        }
    }

    /// <summary>The configuration file, for its hooks; null if it cannot be read, which is said.</summary>
    private static ConfigResult? ReadFile(TunnelState state)
    {
        try
        {
            ConfigResult result = ConfigFile.Find(state.Config).ReadAlone();
            if (result.HasMistakes)
                Say.Error($"{state.Config} has mistakes by now (see {Say.ProgramName} check), so no hook of it is run");
            return result;
        }
        catch (SetupException e)
        {
            Say.Error($"{e.Message}, so no hook of it is run");
            return null;
        }
    }
}
