using System.Globalization;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Brings a tunnel up. In the background, this process configures the daemon and leaves it behind. With -f or a command, and
/// where peers are learned, this process stays: <see cref="ForegroundTunnel"/>.
/// </summary>
internal static class UpCommand
{
    public static CommandPage Page => new(
        "up", "Bring a tunnel up", ["[-f] [--wait[=SECONDS]] [--socket-group GROUP] [--socket-mode MODE] [--metrics ADDRESS] "
            + "[--metrics-allowed-ips=on|off] [--sandbox=on|off] FILE|NAME [-- COMMAND [ARGUMENT...]]"], Run)
    {
        Paragraphs =
        [
            "Reads a configuration file, makes the interface that is named as the file, gives it keys, addresses, MTU, DNS "
                + "servers and routes, and runs the file's hooks. If anything fails, all is undone.",
            "NAME means /etc/wireguard/NAME.conf or else /etc/wireguard-vsock/NAME.conf; a word with a '/' or that ends in "
                + ".conf is a file.",
            "With a COMMAND it stays in the foreground: the command runs once the tunnel is up, gets all signals, and its end "
                + "takes the tunnel down. The exit code is the command's, or 128 and the signal that ended it or came before it "
                + "was started; 1 if the tunnel did not come up, 126 or 127 if the command cannot be run. When the tunnel fails, "
                + "the command gets SIGTERM, and SIGKILL 10 s later.",
            "Where it stays in the foreground the daemon is a process of its own, which ends with it. A tunnel that learns peers "
                + "(Provision, or Attest of a peer) keeps both, also in the background. A COMMAND behind one with Provision "
                + "starts once a verifier was taken; --wait waits for that, and until each peer with Attest is attested.",
            "As a service of systemd (Type=notify) it is ready when the tunnel is up, with --wait when it works, and feeds the "
                + "watchdog. Options go before the file's keys of the same meaning.",
        ],
        Options =
        [
            new HelpItem("-f, --foreground", "Stay in the foreground until a signal asks it to end (SIGHUP does what reload "
                + "does) or the interface is deleted; then take the tunnel down."),
            new HelpItem("--wait[=SECONDS]", "Return, or start the command, only when a handshake with every peer that has an "
                + "endpoint is complete (with any peer, if none has one). If that takes longer than 30 s, or so many, the "
                + "tunnel is taken down again, a line says why for each peer that is missing, and the exit code is 1."),
            .. ServiceArguments.Help,
            new HelpItem("-- COMMAND [ARGUMENT...]", "What to run behind the tunnel."),
        ],
        Files =
        [
            new HelpItem("/run/wireguard-vsock/NAME", "What `down` must undo; no keys."),
        ],
        Environment =
        [
            new HelpItem(Environs.EndpointRetries, "How often a host's name is looked up again, 15 if not set, or infinity. up "
                + "does so only where the file has DNS servers or a route for all traffic."),
        ],
        Examples =
        [
            new HelpItem("wireguard-vsock up ./wg0.conf", "Bring up the interface wg0."),
            new HelpItem("wireguard-vsock up --wait wg0 && curl http://10.0.0.1/", "Use the tunnel once it works."),
            new HelpItem("wireguard-vsock up --wait enclave.conf -- /bin/server", "Run a server behind a tunnel."),
        ],
    };

    private static int Run(IReadOnlyList<string> words)
    {
        TunnelArguments arguments = TunnelArguments.Parse(words);
        _ = Sys.ProcessControl(Libc.PR_SET_DUMPABLE, 0); // it reads keys, and keeps them where peers are learned
        ConfigFile file = ConfigFile.Find(arguments.Tunnel);
        using Readiness readiness = new(Environs.Get(Environs.ReadyFd));
        // The `up` that waits has said them.
        using TunnelSettings settings = TunnelFile.Read(file, saysWarnings: !readiness.IsAwaited);
        if (arguments.Command.Count == 0 && !arguments.IsForeground)
            return settings.LearnsPeers() ? Background.StartTunnel(words) : InBackground(arguments, file, settings);
        ForegroundTunnel tunnel = new(arguments, file, settings);
        if (arguments.Command.Count > 0)
        {
            Sys.LetWritesFail(); // the command ignores what it would ignore without us
            return tunnel.RunCommand();
        }

        Sys.SetSignals();
        return tunnel.Run(readiness);
    }

    private static int InBackground(TunnelArguments arguments, ConfigFile file, TunnelSettings settings)
    {
        string? received = null;
        using StopSignals signals = new();
        signals.Call(signal => Volatile.Write(ref received, signal));
        void StopIfAsked()
        {
            if (Volatile.Read(ref received) is { } signal)
                throw new SetupException($"{signal} was received: what was done is undone");
        }

        using BringUp up = new(file, settings, StopIfAsked);
        TunnelState state = up.Run((held, begun) => Background.Start(
            DaemonLine(file.InterfaceName, settings.Interface, arguments.Service),
            DaemonVariables(held, begun.Instance, Needs.LowPortsIn(settings.Interface, arguments.Service)),
            held.Fd));
        if (up.Generated is { } key)
            TunnelFile.SayGenerated(key, output: 1);
        if (arguments.WaitSeconds is { } seconds)
            WaitOrTakeDown(seconds, settings, state, StopIfAsked);
        return 0;
    }

    /// <summary>What the environment of a tunnel's daemon has besides.</summary>
    public static IReadOnlyList<string> DaemonVariables(TunnelLock held, string instance, bool hasLowPorts) =>
    [
        $"{Environs.Instance}={instance}",
        $"{Environs.LowPorts}={(hasLowPorts ? 1 : 0)}",
        string.Create(CultureInfo.InvariantCulture, $"{Environs.LockFd}={held.Fd}"),
    ];

    /// <summary>The command line of a tunnel's daemon.</summary>
    public static IReadOnlyList<string> DaemonLine(string name, InterfaceSettings settings, ServiceOptions service)
    {
        List<string> line = [Say.ProgramName, "-n", settings.Network.Word];
        if (settings.Streams is { } streams)
            line.Add(string.Create(CultureInfo.InvariantCulture, $"--streams={streams}"));
        if (settings.Superpackets is { } superpackets)
            line.Add($"--superpackets={(superpackets ? "on" : "off")}");
        return [.. line, .. service.Or(settings.Service).ToArguments(), "--", name];
    }

    /// <summary>A tunnel that is waited for in vain goes down: so a script may simply try again.</summary>
    private static void WaitOrTakeDown(int seconds, TunnelSettings settings, TunnelState state, Action stopIfAsked)
    {
        try
        {
            Waiting.Run(state.Name, settings, seconds, stopIfAsked);
        }
        catch (SetupException)
        {
            _ = TakeDown.TryRun(state);
            throw;
        }
    }
}
