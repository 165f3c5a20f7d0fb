namespace WireGuard.Vsock.Commands;

/// <summary>As setconf, but sessions with peers that stay are not ended: as <c>wg syncconf</c> does.</summary>
internal static class SyncConfCommand
{
    public static CommandPage Page => new(
        "syncconf", "Give an interface the configuration of a file; sessions that stay go on", ["INTERFACE FILE"], Run)
    {
        Paragraphs =
        [
            "The file is that of setconf, and so is the result, but for the endpoints of peers that stay: one that the file does "
            + "not say is kept. Peers that the file does not name are removed.",
        ],
    };

    private static int Run(IReadOnlyList<string> arguments) => SetConfCommand.Apply(arguments, replaces: true, syncs: true);
}
