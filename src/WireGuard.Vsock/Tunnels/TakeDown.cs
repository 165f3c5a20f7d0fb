using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tunnels;

/// <summary>`down`: what wg-quick's cmd_down does, for a tunnel that `up` has made.</summary>
internal static class TakeDown
{
    private const int PatienceMs = 5000;
    private const int GoneMs = 1000;
    private const int StepMs = 5;

    /// <summary>Takes a tunnel down.</summary>
    /// <param name="name">The interface's name.</param>
    /// <param name="instance">
    /// Only if it is that one: else it is down already, or about to be, which is no failure. Null for whichever it is.
    /// </param>
    /// <exception cref="SetupException">It is not up, or not ours; or a hook has failed.</exception>
    public static void Run(string name, string? instance = null)
    {
        using RouteSocket kernel = new();
        using TunnelLock? held = instance is null ? TunnelLock.Take(name) : TunnelLock.TryTake(name);
        if (held is null)
            return;
        bool hasLink = kernel.Find(name, out _) >= 0;
        TunnelState? state = TunnelState.Load(name);
        if (instance is not null && state?.Instance != instance)
            return;
        if (state is null)
            throw new SetupException(hasLink ? $"{name} was not brought up by `up`, and is left alone" : $"{name} is not up");
        bool isOurs = IsOurs(state);
        using ConfigResult? file = ReadFile(state);
        InterfaceSettings hooks = state.IsUp && file?.Settings is { } settings ? settings.Interface : new InterfaceSettings();
        if (isOurs)
            Programs.RunHooks("PreDown", hooks.PreDown, name);
        Undo(state, kernel);
        if (hasLink && !isOurs && kernel.Find(name, out _) >= 0)
        {
            throw new SetupException(
                $"{name} is another program's by now, and is left alone; the rest of what `up` did is undone");
        }

        Programs.RunHooks("PostDown", hooks.PostDown, name);
    }

    /// <summary>Whether the interface is the one that was made then.</summary>
    /// <exception cref="SetupException">Its daemon does not answer.</exception>
    public static bool IsOurs(TunnelState state)
    {
        try
        {
            using UapiClient daemon = UapiClient.Connect(state.Name);
            return daemon.TryStatus()?.Details?.Instance == state.Instance;
        }
        catch (UapiException e) when (e.Errno == Errno.ENODEV)
        {
            return false;
        }
    }

    /// <summary>
    /// Undoes what the state tells of, whether it was done or only about to be, and forgets it. What cannot be undone is said.
    /// </summary>
    public static void Undo(TunnelState state, RouteSocket kernel)
    {
        foreach (RuleMessage rule in state.Rules)
            _ = kernel.DeleteExactly(rule);
        Try(() => DeleteLink(state, kernel));
        Try(() => Dns.Unset(state));
        state.Remove();
    }

    /// <summary>With the interface go its addresses and routes, and its daemon ends.</summary>
    private static void DeleteLink(TunnelState state, RouteSocket kernel)
    {
        if (!IsOurs(state))
        {
            // That of a daemon which was killed a moment ago is about to go.
            if (!state.IsUp)
                WaitUntil(() => kernel.Find(state.Name, out _) < 0, GoneMs);
            return;
        }

        if (kernel.Find(state.Name, out LinkState link) >= 0)
            _ = kernel.DeleteLink(link.Index);
        string socket = $"{UapiListener.Folder}/{state.Name}.sock";
        WaitUntil(() => Sys.Stat(socket, out _) < 0, PatienceMs);
    }

    private static void WaitUntil(Func<bool> condition, int patienceMs)
    {
        for (long end = Sys.MonotonicMs() + patienceMs; !condition() && Sys.MonotonicMs() < end;)
            Thread.Sleep(StepMs);
    }

    private static void Try(Action step)
    {
        try
        {
            step();
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            Say.Error(e.Message);
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
