using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        StandardDescriptors.Open();
        return CommandLine.Invoke(arguments, Say.Output, Say.Error, DaemonCommand.Run);
    }
}
