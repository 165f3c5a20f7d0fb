using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.InteropServices;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// The command line, that of wireguard-go-vsock:
/// <code>wireguard-vsock [-f|--foreground] [-n|--network NETWORK] INTERFACE</code>
/// and options of ours. A mistake is one line on stderr and the exit code 1.
/// </summary>
internal static class CommandLine
{
    /// <summary>Of the build: Directory.Build.props.</summary>
    public static readonly string Version = $"v{typeof(CommandLine).Assembly.GetName().Version!.ToString(3)}";

    private const string On = "on";

    /// <summary>What was asked for, checked.</summary>
    /// <param name="Interface">Its name.</param>
    /// <param name="Network">Under the tunnel.</param>
    /// <param name="Foreground">Whether to stay in the foreground.</param>
    /// <param name="Streams">Parallel connections to a peer; null for as many as there are lanes.</param>
    /// <param name="Superpackets">Whether peers that speak HELLO get more than one packet in a message.</param>
    /// <param name="UdpOffloads">Whether the kernel's UDP offloads are used.</param>
    public sealed record Request(
        string Interface, NetworkKind Network, bool Foreground, int? Streams, bool Superpackets, bool UdpOffloads)
    {
        /// <summary>Who may look into it.</summary>
        public ServiceOptions Service { get; init; } = new();
    }

    /// <summary>Answers --help, --version and mistakes; else calls <paramref name="start"/>. Gives the exit code.</summary>
    public static int Invoke(
        IReadOnlyList<string> arguments, Action<string> output, Action<string> error, Func<Request, int> start)
    {
        Option<bool> foreground = new("--foreground", "-f") { Arity = ArgumentArity.Zero };
        Option<NetworkKind> network = new("--network", "-n") { CustomParser = ParseNetwork };
        Option<int?> streams = new("--streams") { CustomParser = ParseStreams };
        // Not a bool: for that the library accepts only true and false.
        Option<string> superpackets = new("--superpackets") { CustomParser = ParseSwitch, DefaultValueFactory = _ => On };
        Option<string> udpOffloads = new("--udp-offloads") { CustomParser = ParseSwitch, DefaultValueFactory = _ => On };
        List<Option<string>> service = [.. ServiceArguments.Names.Select(
            option => new Option<string>(option) { CustomParser = ParseService })];
        Argument<string> name = new("INTERFACE") { CustomParser = ParseInterface };
        Print help = new(output, () => HelpPages.OfProgram);
        Option<bool> helps = new("--help", "-h") { Arity = ArgumentArity.Zero, Action = help };
        Option<bool> version = new("--version") { Arity = ArgumentArity.Zero, Action = new Print(output, () => VersionText) };
        // Not a RootCommand, which brings a help, a version and directives of its own.
        Command root = new(Say.ProgramName) { foreground, network, streams, superpackets, udpOffloads, name, helps, version };
        service.ForEach(root.Add);
        root.SetAction(line => start(new Request(
            line.GetRequiredValue(name),
            line.GetValue(network),
            line.GetValue(foreground),
            line.GetValue(streams),
            line.GetValue(superpackets) == On,
            line.GetValue(udpOffloads) == On)
        {
            Service = service.Aggregate(
                new ServiceOptions(), (options, option) => ServiceArguments.With(options, option.Name, line.GetValue(option))),
        }));

        // No response files: a name may begin with '@'.
        ParseResult parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            error($"{Mistake(parsed, name)}{CommandTable.Suggestion(arguments)} (see {Say.ProgramName} --help)");
            return 1;
        }

        if (arguments is [{ } word] && !word.StartsWith('-') && CommandTable.Nearest(word) is { } meant)
            error($"'{word}' is taken for an interface's name; if a command was meant: {Say.ProgramName} {meant}");
        return parsed.Invoke(
            new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    /// <summary>The first mistake, in words that name what was probably meant.</summary>
    private static string Mistake(ParseResult parsed, Argument<string> name)
    {
        ParseError mistake = parsed.Errors.FirstOrDefault(e => e.SymbolResult is OptionResult) ?? parsed.Errors[0];
        string? first = parsed.GetResult(name)?.Tokens.Select(t => t.Value).FirstOrDefault();
        if (first?.StartsWith('-') == true) return NoSuchOption(first);
        if (first == null && mistake.SymbolResult is not OptionResult)
            return $"which interface? For example: {Say.ProgramName} wg0";
        return mistake.Message.TrimEnd('.');
    }

    private static string NoSuchOption(string word) => $"there is no option '{word}'";

    private static NetworkKind ParseNetwork(ArgumentResult result)
    {
        string word = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        if (!NetworkKind.TryFromWord(word, out NetworkKind network))
        {
            result.AddError($"'{word}' is no network: one of {NetworkKind.Words}");
        }
        return network;
    }

    private static int? ParseStreams(ArgumentResult result)
    {
        string word = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        if (int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int streams)
            && streams is >= 1 and <= DaemonOptions.MaxStreams)
        {
            return streams;
        }

        result.AddError($"'{word}' is no number of streams: 1 to {DaemonOptions.MaxStreams}");
        return null;
    }

    private static string ParseSwitch(ArgumentResult result)
    {
        string word = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        if (word is not (On or "off")) result.AddError($"'{word}' is neither on nor off");
        return word;
    }

    private static string ParseService(ArgumentResult result)
    {
        string word = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        string option = ((OptionResult)result.Parent!).Option.Name;
        if (!ServiceArguments.TryAdd(new ServiceOptions(), option, word, out _, out string error))
            result.AddError(error);
        return word;
    }

    private static string ParseInterface(ArgumentResult result)
    {
        string name = result.Tokens.Count > 0 ? result.Tokens[0].Value : "";
        string? problem = name.StartsWith('-') ? NoSuchOption(name) : InterfaceName.Check(name);
        if (problem != null) result.AddError(problem);
        return name;
    }

    private static string Architecture => RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();

    private static string VersionText => $"""
        {Say.ProgramName} {Version}

        Userspace WireGuard daemon over VSOCK, TCP and UDP for linux-{Architecture}.
        WireGuard is a registered trademark of Jason A. Donenfeld. https://www.wireguard.com
        """;

    /// <summary>The daemon alone, in the help.</summary>
    public static CommandPage Page => new(
        "",
        "Make an interface and carry its packets",
        ["[-f|--foreground] [-n|--network NETWORK] [--streams N] [--superpackets=on|off] [--udp-offloads=on|off]"
            + " [--socket-group GROUP] [--socket-mode MODE] [--metrics ADDRESS] [--metrics-allowed-ips=on|off]"
            + " [--sandbox=on|off] INTERFACE"],
        _ => throw new InvalidOperationException())
    {
        Paragraphs =
        [
            "Makes the WireGuard interface INTERFACE and carries its packets over VSOCK, TCP or UDP. Configure it with set or "
                + "wg(8), give it addresses and bring it up with ip(8); up does all of that from a configuration file.",
            "It ends on SIGTERM, SIGINT, SIGHUP and the other standard signals that ask a process to end, when the interface is "
            + "deleted (ip link del INTERFACE) or when its control socket /var/run/wireguard/INTERFACE.sock is removed. SIGUSR2 "
            + "tells it that this machine was cloned: all sessions end, and new ones begin.",
            "Endpoints over vsock are CID:PORT, as vm(6):51820, 6:51820 or 0.0.0.6:51820; over unix unix:PATH:PORT, PATH being "
            + "the Unix socket of a Firecracker or Cloud Hypervisor guest, which set takes, and wg(8) does not.",
        ],
        Options =
        [
            new("INTERFACE", "A name of up to 15 bytes, such as wg0; wg%d takes the lowest that is free."),
            new("-f, --foreground", "Stay in the foreground; without it the command returns 0 once the interface is ready."),
            new("-n, --network NETWORK", "vsock (the default), tcp, tcp4, tcp6, udp, udp4, udp6 or unix."),
            new("--streams N", "Over vsock, unix and tcp, up to N parallel connections to a peer that is dialled, 1 to 8; one "
                + "per processor if not given."),
            new("--superpackets=on|off", "Whether peers that run wireguard-vsock get many packets in one message; on if not "
                + "given."),
            new("--udp-offloads=on|off", "Whether the kernel segments and coalesces datagrams over udp (UDP_SEGMENT, UDP_GRO); "
                + "on if not given. Turn it off where a device or a kernel on the way does that wrong."),
            .. ServiceArguments.ShortHelp,
            new("--version", "Print the version."),
            new("-h, --help", "Print help."),
        ],
        Environment =
        [
            new(Environs.LogLevel, "verbose (or debug), error (the default) or silent; when it is set to other than silent, the "
                + "background process keeps this terminal for its log."),
            new(Environs.Foreground, "1 is the same as -f."),
            new(Environs.TunFd, "A descriptor of a TUN interface to use rather than to make one."),
            new(Environs.UapiFd, "A descriptor of a listening UNIX socket to use as control socket."),
        ],
        Files = [new("/var/run/wireguard/INTERFACE.sock", "The control socket of an interface, as wg(8) uses it.")],
        Examples =
        [
            new(
                $"{Say.ProgramName} wg0\nwg setconf wg0 wg0.conf\nip addr add 10.0.0.1/24 dev wg0\nip link set wg0 up",
                "The daemon alone, configured with other tools:"),
        ],
    };

    /// <summary>The action of --help and --version, whatever else is on the line.</summary>
    private sealed class Print(Action<string> output, Func<string> text) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            output(text());
            return 0;
        }
    }
}
