namespace WireGuard.Vsock.Commands;

/// <summary>The pages of help: of a command, of the whole program, and the man page wireguard-vsock(8).</summary>
internal static class HelpPages
{
    private const string Description =
        "A userspace WireGuard for virtual machines and enclaves, whose messages travel over VSOCK, TCP or UDP.";

    private static readonly HelpItem[] s_exitCodes =
    [
        new("0", "What was asked for is done."),
        new("1", "It failed; a line on stderr says why. The daemon alone also gives this for mistakes in its arguments."),
        new("2", "The arguments of a command are wrong."),
        new("126", "up FILE -- COMMAND: COMMAND cannot be executed."),
        new("127", "up FILE -- COMMAND: there is no such COMMAND."),
        new("128 + N", "up FILE -- COMMAND: signal N ended COMMAND, or came before it was started. Any other code of a COMMAND "
            + "that ran is its own."),
    ];

    public static IEnumerable<HelpBlock> Of(CommandPage page) =>
    [
        .. UsageOf(page),
        new HelpBlock.Paragraph(page.Summary + "."),
        .. page.Paragraphs.Select(paragraph => new HelpBlock.Paragraph(paragraph)),
        .. HelpBlock.Items("Options", page.Options),
        .. HelpBlock.Items("Environment", page.Environment),
        .. HelpBlock.Items("Files", page.Files),
        .. HelpBlock.Examples(page.Examples.Count == 1 ? "Example" : "Examples", page.Examples),
    ];

    /// <summary>What --help shows: the commands, and the daemon alone.</summary>
    public static string OfProgram
    {
        get
        {
            CommandPage daemon = CommandLine.Page;
            return HelpText.Of(
            [
                .. UsageOf(daemon),
                new HelpBlock.Synopsis($"{Say.ProgramName} COMMAND [ARGUMENT...]"),
                new HelpBlock.Synopsis($"{Say.ProgramName} --version | --help | help COMMAND"),
                new HelpBlock.Paragraph(Description),
                .. HelpBlock.Items("Commands", CommandTable.All.Select(page => new HelpItem(page.Name, page.Summary + "."))),
                new HelpBlock.Heading($"The daemon alone ({Say.ProgramName} INTERFACE)"),
                .. daemon.Paragraphs.Select(paragraph => new HelpBlock.Paragraph(paragraph)),
                .. HelpBlock.Items("Options", daemon.Options),
                .. HelpBlock.Items("Environment", daemon.Environment),
                .. HelpBlock.Examples("Example", daemon.Examples),
            ]);
        }
    }

    public static string ManPage(IReadOnlyList<CommandPage> commands)
    {
        CommandPage daemon = CommandLine.Page;
        CommandPage[] all = [daemon, .. commands];
        IEnumerable<HelpBlock> blocks =
        [
            new HelpBlock.Heading("Name"),
            new HelpBlock.Paragraph($"{Say.ProgramName} - WireGuard over VSOCK, TCP and UDP"),
            new HelpBlock.Heading("Synopsis"),
            .. all.SelectMany(UsageOf),
            new HelpBlock.Heading("Description"),
            new HelpBlock.Paragraph(Description),
            new HelpBlock.Paragraph(
                "A word is a command only as the first argument: any other line is that of the daemon alone. An interface named "
                + $"like a command is reached with two dashes before it: {Say.ProgramName} -- show."),
            new HelpBlock.Heading("The daemon alone"),
            .. daemon.Paragraphs.Select(paragraph => new HelpBlock.Paragraph(paragraph)),
            .. daemon.Options.Select(option => new HelpBlock.Item(option.Term, option.Meaning)),
            new HelpBlock.Heading("Commands"),
            .. commands.SelectMany(Section),
            .. HelpBlock.Items("Exit status", s_exitCodes),
            .. HelpBlock.Items("Environment", all.SelectMany(page => page.Environment).DistinctBy(item => item.Term)),
            .. HelpBlock.Items("Files", all.SelectMany(page => page.Files).DistinctBy(item => item.Term)),
            .. HelpBlock.Examples("Examples", all.SelectMany(page => page.Examples)),
            new HelpBlock.Heading("See also"),
            new HelpBlock.Paragraph($"{Say.ProgramName}.conf(5), wg(8), wg-quick(8), ip(8), vsock(7)"),
        ];
        return Roff.Of(Say.ProgramName, 8, "System Administration", blocks);
    }

    private static IEnumerable<HelpBlock> UsageOf(CommandPage page) =>
        page.Usage.Select(usage => new HelpBlock.Synopsis($"{Say.ProgramName} {page.Name} {usage}".Replace("  ", " ").TrimEnd()));

    private static IEnumerable<HelpBlock> Section(CommandPage page) =>
    [
        new HelpBlock.SubHeading(page.Name),
        new HelpBlock.Paragraph(page.Summary + "."),
        .. page.Paragraphs.Select(paragraph => new HelpBlock.Paragraph(paragraph)),
        .. page.Options.Select(option => new HelpBlock.Item(option.Term, option.Meaning)),
    ];
}
