using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Tunnels;

/// <summary>A provisioner that was started: how it is reached and ended.</summary>
/// <param name="Socket">Carries messages, and does not block.</param>
/// <param name="Kill">Ends it, if it has not ended.</param>
/// <param name="End">Waits for its end, and closes the socket. Gives how it has ended, in words.</param>
internal sealed record ProvisionerChild(int Socket, Action Kill, Func<string> End)
{
    /// <summary>In the environment of a process of this program that is to be a provisioner.</summary>
    public const string Variable = "WG_VSOCK_PROVISIONER";

    /// <summary>This very program, also where another has its name by now.</summary>
    private const string Program = "/proc/self/exe";

    /// <summary>On the thread that it is to end with.</summary>
    /// <param name="name">The interface's.</param>
    /// <exception cref="LinuxException">It could not be started.</exception>
    public static ProvisionerChild Start(string name)
    {
        string path = Sys.StatTarget(Program, out _) >= 0 ? Program : Environment.ProcessPath ?? Program;
        Subprocess process = Subprocess.Start(new ChildProcess(path, [$"wireguard-vsock: provisioner of {name}"])
        {
            // What it has to say goes through its supervisor: it could write anything into the log.
            Nowhere = [0, 1, 2],
            Variables = [$"{Variable}=1"],
        });
        return new ProvisionerChild(process.Socket.Fd, () => process.Signal(Libc.SIGKILL), () => HowItEnded(process));
    }

    private static string HowItEnded(Subprocess process)
    {
        int status = process.End();
        process.Dispose();
        int signal = status & 0x7f; // wait.h: WTERMSIG, else WEXITSTATUS
        return signal != 0 ? $"it was killed by signal {signal}" : $"it has ended with code {(status >> 8) & 0xff}";
    }
}
