using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Shows interfaces as <c>wg show</c> does, byte for byte, whichever daemon they have; and with --long and --json what only ours
/// knows.
/// </summary>
internal static class ShowCommand
{
    private const string All = "all";
    private const string Long = "--long";
    private const string Json = "--json";
    private const string ShowSecrets = "--show-secrets";

    public static CommandPage Page => new(
        "show",
        "Show interfaces and their peers",
        ["[INTERFACE|all] [FIELD]", "interfaces", "--long [INTERFACE|all]", "--json [--show-secrets] [INTERFACE|all]"],
        Run)
    {
        Paragraphs =
        [
            "Any userspace WireGuard with a control socket in /var/run/wireguard is shown. The output is that of wg(8), and "
                + "where peers are attested or this end is provisioned, lines that say so.",
            $"FIELD is one of {string.Join(", ", ShowFields.Names)}: for programs, with tabs between columns.",
        ],
        Options =
        [
            new(Long, "Also tell what only wireguard-vsock knows: the network, each peer's connections and measurements, why "
                + "there is no handshake, and what was dropped and why."),
            new(Json, "The same as JSON, in the form of wg-json of wireguard-tools: what is zero or none is left out."),
            new(ShowSecrets, "With --json, private and preshared keys as well."),
        ],
        Environment =
        [
            new(Environs.ColorMode, "always, never or auto (the default): colours on a terminal only."),
            new(Environs.NoColor, "If set, no colours unless WG_COLOR_MODE is always."),
            new(Environs.HideKeys, "never shows private and preshared keys where \"(hidden)\" would stand."),
        ],
        Examples =
        [
            new($"{Say.ProgramName} show", "All interfaces."),
            new($"{Say.ProgramName} show wg0 latest-handshakes", "When each peer of wg0 last completed a handshake."),
            new($"{Say.ProgramName} show --long wg0", "Find out why a tunnel does not work."),
        ],
    };

    private static int Run(IReadOnlyList<string> arguments)
    {
        string[] options = [.. arguments.TakeWhile(argument => argument != "--").Where(argument => argument.StartsWith("--"))];
        List<string> words = [.. arguments];
        foreach (string option in options)
        {
            if (option is not (Long or Json or ShowSecrets))
                throw new UsageException($"there is no option '{option}'");
            words.Remove(option);
        }

        words.Remove("--");
        bool isLong = options.Contains(Long), isJson = options.Contains(Json);
        if (words.Count > (isLong || isJson ? 1 : 2))
            throw new UsageException("too many arguments");
        if (isLong && isJson)
            throw new UsageException($"either {Long} or {Json}");
        if (options.Contains(ShowSecrets) && !isJson)
            throw new UsageException($"{ShowSecrets} goes with {Json}: without it, WG_HIDE_KEYS=never shows keys");
        if (words is ["interfaces", ..] && (isLong || isJson))
            throw new UsageException($"interfaces only lists names: without {Long} and {Json}");
        if (words is ["interfaces"])
            return ListInterfaces();
        if (words is ["interfaces", _])
            throw new UsageException("interfaces has no fields");
        string? field = words.Count == 2 ? words[1] : null;
        if (field is not null && !ShowFields.Names.Contains(field))
            throw new UsageException($"Invalid parameter: `{field}': one of {string.Join(", ", ShowFields.Names)}");
        string? name = words is [{ } first, ..] && first != All ? first : null;
        if (isJson)
            return ShowJson.Run(name, options.Contains(ShowSecrets));
        return name is null ? ShowAll(field, isLong) : ShowOne(name, field, isLong);
    }

    private static int ListInterfaces() => WgCommand.Try("Unable to list interfaces", () =>
    {
        IReadOnlyList<string> names = UapiClient.Interfaces();
        if (names.Count != 0)
            Say.Output(string.Join(' ', names));
    });

    private static int ShowOne(string name, string? field, bool isLong) => WgCommand.Try("Unable to access interface", () =>
    {
        using UapiClient client = UapiClient.Connect(name);
        using SecretText text = new();
        if (field is null)
            Write(text, client, isLong);
        else
            ShowFields.Write(text, field, WgCommand.StatusOf(client), name: null);
        Say.Write(1, text.Bytes);
    });

    /// <summary>Each interface that answers. The code is 1 only if there are some, and none does.</summary>
    private static int ShowAll(string? field, bool isLong)
    {
        IReadOnlyList<string> names = [];
        int code = WgCommand.Try("Unable to list interfaces", () => names = UapiClient.Interfaces());
        if (code != 0)
            return code;
        bool hasShown = false;
        foreach ((int i, string name) in names.Index())
        {
            hasShown |= WgCommand.Try($"Unable to access interface {name}", () =>
            {
                using UapiClient client = UapiClient.Connect(name);
                using SecretText text = new();
                if (field is null)
                    Write(text, client, isLong);
                else
                    ShowFields.Write(text, field, WgCommand.StatusOf(client), name);
                if (field is null && i != names.Count - 1)
                    text.Append("\n");
                Say.Write(1, text.Bytes);
            }) == 0;
        }

        return hasShown || names.Count == 0 ? 0 : 1;
    }

    private static void Write(SecretText to, UapiClient client, bool isLong)
    {
        TextStyle style = TextStyle.OfOutput();
        Sys.RealTime(out long now, out _);
        DeviceStatus device = WgCommand.StatusOf(client);
        ShowText text = new(to, style, (ulong)now);
        text.Write(client.Name, device, isLong ? new ShowLong(device, style).Write : null);
    }
}
