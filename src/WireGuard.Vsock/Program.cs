using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        StandardDescriptors.Open();
        return CommandTable.Find(arguments) is { } command
            ? command.Invoke(arguments[1..], Say.Output, Say.Error)
            : CommandLine.Invoke(arguments, Say.Output, Say.Error, DaemonCommand.Run);
    }
}
