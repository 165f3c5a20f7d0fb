namespace WireGuard.Vsock;

/// <summary>
/// The daemon cannot start because of something a person can mend. The message is that person's one line: what, where, the mend.
/// </summary>
internal class SetupException(string line) : Exception(line);
