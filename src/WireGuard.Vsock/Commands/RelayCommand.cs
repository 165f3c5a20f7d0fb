using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Sandbox;

namespace WireGuard.Vsock.Commands;

/// <summary>Carries WireGuard messages between streams and datagrams, without keys (<see cref="RunningRelay"/>).</summary>
internal static class RelayCommand
{
    private const string Name = "relay";

    private static readonly RelayLimits s_limits = new();

    public static CommandPage Page => new(
        Name,
        "Carry WireGuard messages between streams and UDP, without keys",
        [
            "--listen ADDRESS... --to ADDRESS [OPTION...]",
            "--listen ADDRESS... --peer KEY=ADDRESS... [OPTION...]",
            "--raw --listen ADDRESS... --to ADDRESS [OPTION...]",
            "FILE",
        ],
        Run)
    {
        Paragraphs =
        [
            "What is carried stays encrypted: the relay has no keys, makes no interface and needs no privilege. Between a stream "
                + "and UDP it frames messages, and takes frames off; between streams they pass as they are. It stays in the "
                + "foreground.",
            "To listen, an ADDRESS is vsock:PORT, tcp:PORT, udp:PORT (any address of this machine), tcp:IP:PORT, udp:IP:PORT or "
                + "unix:PATH:PORT. To send, it is vsock:CID:PORT, tcp:HOST:PORT, udp:HOST:PORT or unix:PATH:PORT. The port "
                + "follows the last colon; an IPv6 address stands in brackets; unix:PATH is the socket of a Firecracker or Cloud "
                + "Hypervisor guest, which itself calls PATH_PORT.",
            "With --peer one port serves many enclaves: the first message of a handshake says by its public key for which it is, "
                + "and what follows finds its way by that. A message that fits no enclave gets no answer. Under a flood the "
                + "relay has senders prove their addresses first, which with --to it cannot: use --peer where any sender "
                + "can reach it, for a single enclave, too.",
            "FILE has many rules, in the form that wireguard-vsock.conf(5) tells of; check reads it as well. SIGHUP has it read "
                + "again: rules that are the same keep their connections, and a file with mistakes changes nothing. Nor does one "
                + "that needs what the relay has given up, which takes a restart: a network that it had no rule of (tcp and udp "
                + "are one), or a port below 1024 where it had none. SIGUSR1 logs what was carried and dropped. Without a FILE, "
                + "SIGHUP ends the relay as SIGTERM does.",
        ],
        Options =
        [
            new("--listen ADDRESS", "Where to listen; may be given more than once."),
            new("--to ADDRESS", "Where all of it goes."),
            new("--peer KEY=ADDRESS", "An enclave's public key, of 44 characters in base64, and where it is; may be given more "
                + "than once. A key ends with = itself, so two stand before the address."),
            new("--raw", "Carry bytes as they are, between streams only, for what is not WireGuard."),
            new("--max-connections NUMBER", $"Of connections and UDP sources at once; {s_limits.MaxConnections} if not given."),
            new("--max-per-source NUMBER", "Of those of one source: an IPv4 address, an IPv6 /64, a CID or a Unix socket; "
                + $"{s_limits.MaxPerSource} if not given."),
            new("--idle SECONDS", "After so long without a message either way a connection is closed; "
                + $"{s_limits.IdleSeconds} if not given."),
            new("--metrics ADDRESS", $"Serve metrics in Prometheus' format: {MetricsAddress.Forms}."),
            new("--sandbox=on|off", "Whether the relay gives up, once it listens, all that it does not need of the system; on if "
                + "not given."),
        ],
        Environment = [new(Environs.LogLevel, "verbose (or debug), error (the default) or silent.")],
        Examples =
        [
            new(
                $"{Say.ProgramName} relay --listen vsock:51820 --to udp:vpn.example.org:51820",
                "On a host, from its enclaves, to which it is CID 3, to a WireGuard anywhere."),
            new(
                $"{Say.ProgramName} relay --listen udp:51820 --peer KEY1=vsock:16:51820 --peer KEY2=vsock:17:51820",
                "One UDP port for two enclaves."),
            new($"{Say.ProgramName} relay --raw --listen vsock:80 --to tcp:files.example.org:80", "What is not WireGuard."),
        ],
    };

    private static int Run(IReadOnlyList<string> arguments)
    {
        if (arguments.Count == 0)
            throw new UsageException($"from where to where? For example: {Name} --listen vsock:51820 --to udp:HOST:51820");
        IReadOnlyList<string> file = arguments is ["--", ..] ? [.. arguments.Skip(1)] : arguments;
        return file is [{ } path] && (file != arguments || !path.StartsWith('-'))
            ? RunningRelay.Run(ReadFile(path), path, kept => ReadAgain(path, kept))
            : RunningRelay.Run(ReadArguments(arguments), null, null);
    }

    /// <summary>Reads arguments, and says all that is wrong with them.</summary>
    /// <exception cref="UsageException">The last of the mistakes.</exception>
    internal static RelaySettings ReadArguments(IReadOnlyList<string> arguments)
    {
        RelayResult result = RelayReader.ReadArguments(arguments);
        if (result.Settings is { } settings)
            return settings;
        foreach (Diagnostic diagnostic in result.Diagnostics.SkipLast(1))
            Say.Error($"{Name}: {diagnostic.ToLine()}");
        throw new UsageException(result.Diagnostics[^1].ToLine());
    }

    private static RelaySettings ReadFile(string path, SandboxNeeds? kept = null)
    {
        RelayResult result = RelayFile.Read(path);
        Diagnostic[] beyond = kept is null ? [] : [.. Beyond(result, kept)];
        foreach (Diagnostic diagnostic in (Diagnostic[])[.. result.Diagnostics, .. beyond])
            Say.Write(2, diagnostic.ToText(path) + "\n");
        if (beyond.Length > 0)
            throw new SetupException($"{Printable.Quote(path)} needs a restart of the relay, so nothing was changed");
        return result.Settings ?? throw new SetupException($"{Printable.Quote(path)} has mistakes, so nothing was changed");
    }

    /// <summary>
    /// The rules that a process which has kept that cannot follow. Metrics are no matter: they stay as they are until a restart.
    /// </summary>
    internal static IEnumerable<Diagnostic> Beyond(RelayResult result, SandboxNeeds kept)
    {
        for (int i = 0; i < result.Settings?.Rules.Count; i++)
        {
            RelaySettings alone = result.Settings with { Rules = [result.Settings.Rules[i]], Metrics = null };
            if (Needs.OfRelay(alone, file: null).Beyond(kept) is { } need)
            {
                yield return new Diagnostic(
                    result.RulePlaces[i], RelayKeys.RelaySection, $"it takes {need}, which the relay has given up: restart it");
            }
        }
    }

    /// <summary>Null where there are mistakes, or it takes a restart, which is said.</summary>
    private static RelaySettings? ReadAgain(string path, SandboxNeeds? kept)
    {
        try
        {
            return ReadFile(path, kept);
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            Say.Error(e.Message);
            return null;
        }
    }
}
