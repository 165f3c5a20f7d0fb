using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        FirstProcess.Prepare();
        StandardDescriptors.Open();
        if (!Supervisor.TryFollow()) return 1;
        if (ProvisionerMain.IsMeant) return ProvisionerMain.Run();
        int code = CommandTable.Find(arguments) is { } command
            ? command.Invoke(arguments[1..], Say.Output, Say.Error)
            : CommandLine.Invoke(arguments, Say.Output, Say.Error, DaemonCommand.Run);
        if (Say.OutputError is var failed and not 0 && code == 0)
        {
            Say.Error($"cannot write to stdout: {Errno.Text(failed)}");
            code = 1;
        }

        if (FirstProcess.IsOfMachine) FirstProcess.End($"{CommandProcess.Ended ?? Say.ProgramName} ended with {code}");
        return code;
    }
}
