namespace WireGuard.Vsock;

/// <summary>
/// What was asked for cannot be done because of something a person can mend. The message is that person's one line: what, where,
/// the mend.
/// </summary>
internal class SetupException(string line, int exitCode = 1) : Exception(line)
{
    public int ExitCode { get; } = exitCode;
}
