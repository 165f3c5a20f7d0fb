namespace WireGuard.Vsock.Commands;

/// <summary>
/// Shows the help of a command, or of all. What packagers and the shell ask is not in the help: <c>--man 8</c> and <c>--man 5</c>
/// print the man pages, <c>--words</c> each command's name and options, for completion.
/// </summary>
internal static class HelpCommand
{
    private const string Conf = "conf";

    public static CommandPage Page => new("help", "Show how to use a command", [$"[COMMAND|{Conf}]"], Run)
    {
        Options = [new(Conf, $"Configuration files, as {Say.ProgramName}.conf(5) tells of them.")],
    };

    private static int Run(IReadOnlyList<string> arguments)
    {
        bool isBold = TextStyle.OfOutput().Bold.Length > 0;
        string text = arguments switch
        {
            [] => HelpPages.OfProgram,
            ["--man", "8"] => HelpPages.ManPage(CommandTable.All),
            ["--man", "5"] => ConfigPage.ManPage,
            ["--words"] => string.Concat(((CommandPage[])[CommandLine.Page, .. CommandTable.All]).Select(
                page => $"{(page.Name.Length > 0 ? page.Name : "-")} {string.Join(' ', page.OptionWords)}\n")),
            [Conf] => HelpText.Of(ConfigPage.Blocks, isBold),
            [{ } name] => HelpText.Of(
                CommandTable.Find(name) ?? throw new UsageException(CommandTable.NoSuchCommand(name)), isBold),
            _ => throw new UsageException("one command at a time"),
        };
        Say.Write(1, text.TrimEnd('\n') + "\n");
        return 0;
    }
}
