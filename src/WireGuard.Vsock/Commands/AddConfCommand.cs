namespace WireGuard.Vsock.Commands;

/// <summary>Adds the configuration of a file to that of an interface, as <c>wg addconf</c> does.</summary>
internal static class AddConfCommand
{
    public static CommandPage Page => new(
        "addconf", "Add the configuration of a file to that of an interface", ["INTERFACE FILE"], Run)
    {
        Paragraphs = ["The file is that of setconf. What it does not say stays as it is."],
    };

    private static int Run(IReadOnlyList<string> arguments) => SetConfCommand.Apply(arguments, replaces: false, syncs: false);
}
