namespace WireGuard.Vsock.Commands;

/// <summary>Shows the help of a command, or of all.</summary>
internal static class HelpCommand
{
    public static CommandPage Page => new("help", "Show how to use a command", ["[COMMAND]"], Run);

    private static int Run(IReadOnlyList<string> arguments)
    {
        switch (arguments)
        {
            case []:
                Say.Output(CommandLine.Help);
                return 0;
            case [{ } name]:
                Say.Output(HelpText.Of(CommandTable.Find(name) ?? throw new UsageException(CommandTable.NoSuchCommand(name))));
                return 0;
            default:
                throw new UsageException("one command at a time");
        }
    }
}
