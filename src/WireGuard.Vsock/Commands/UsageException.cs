namespace WireGuard.Vsock.Commands;

/// <summary>The arguments of a command are wrong. The message is one line; the command's name and help are added to it.</summary>
internal sealed class UsageException(string line) : Exception(line);
