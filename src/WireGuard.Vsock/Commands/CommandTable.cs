namespace WireGuard.Vsock.Commands;

/// <summary>
/// All commands. A word is one only as the first argument: any other line is that of the daemon alone
/// (<see cref="CommandLine"/>), and an interface named like a command is reached with "--".
/// </summary>
internal static class CommandTable
{
    /// <summary>In the order in which the help shows them.</summary>
    public static IReadOnlyList<CommandPage> All =>
    [
        UpCommand.Page,
        DownCommand.Page,
        ReloadCommand.Page,
        CheckCommand.Page,
        ShowCommand.Page,
        SetCommand.Page,
        SetConfCommand.Page,
        AddConfCommand.Page,
        SyncConfCommand.Page,
        ShowConfCommand.Page,
        RelayCommand.Page,
        AttestCommand.Page,
        GenKeyCommand.Page,
        PubKeyCommand.Page,
        GenPskCommand.Page,
        HelpCommand.Page,
    ];

    public static CommandPage? Find(IReadOnlyList<string> arguments) => arguments.Count > 0 ? Find(arguments[0]) : null;

    public static CommandPage? Find(string name) => All.FirstOrDefault(command => command.Name == name);

    /// <summary>What was probably meant by a word that is no command.</summary>
    public static string NoSuchCommand(string word) =>
        $"there is no command '{word}'" + (Nearest(word) is { } nearest ? $", did you mean '{nearest}'?" : "");

    /// <summary>The command that was probably meant by a word that is none; null if it is like none.</summary>
    public static string? Nearest(string word) => NearestWord.To(word, All.Select(command => command.Name));

    /// <summary>
    /// What to add to the refusal of a daemon's line: nothing at all may be a newcomer's line, and of two words one may be meant
    /// as a command.
    /// </summary>
    public static string Suggestion(IReadOnlyList<string> arguments)
    {
        if (arguments.Count == 0) return $"; or, with a configuration file: {Say.ProgramName} up FILE";
        // -f is also an option of `up`, but behind it.
        if (arguments is ["-f" or "--foreground", "up", ..])
            return $"; did you mean '{Say.ProgramName} up {arguments[0]} {arguments.ElementAtOrDefault(2) ?? "FILE"}'?";
        if (arguments.Count < 2 || arguments[0].StartsWith('-') || arguments[1].StartsWith('-')) return "";
        return Find(arguments[1]) is { } second
            ? $"; did you mean '{Say.ProgramName} {second.Name} {arguments[0]}'?"
            : $"; {NoSuchCommand(arguments[0])}";
    }
}
