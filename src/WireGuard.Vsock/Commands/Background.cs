using System.Text;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Starts the daemon in the background. A .NET process cannot fork and continue, since its other threads would be missing, so:
/// <para>
/// 1. The command starts itself again, in a new session, with the writing end of a pipe. 2. The new process makes the interface
/// and the control socket and then writes one line: that it is ready, or why not (<see cref="Readiness"/>). 3. The command reads
/// that line, or the pipe's end if the process died, and returns 0 or 1.
/// </para>
/// </summary>
internal static class Background
{
    /// <summary>Starts this command line's daemon in the background and waits until it is ready. Gives the exit code.</summary>
    public static int Start()
    {
        try
        {
            Start(Environment.GetCommandLineArgs(), []);
            return 0;
        }
        catch (SetupException e)
        {
            Say.Error(e.Message);
            return 1;
        }
    }

    /// <summary>Starts a daemon in the background and waits until it is ready.</summary>
    /// <param name="arguments">Of this program; the first is its name.</param>
    /// <param name="variables">What its environment has besides ours, each "name=value".</param>
    /// <param name="passed">A descriptor that it inherits besides; null for none.</param>
    /// <exception cref="SetupException">It did not become ready.</exception>
    public static void Start(IReadOnlyList<string> arguments, IReadOnlyList<string> variables, int? passed = null)
    {
        try
        {
            Sys.Check(Sys.Pipe(out int read, out int write), "pipe2");
            using FileDescriptor reading = new(read);
            int pid;
            using (FileDescriptor writing = new(write))
            {
                int?[] meant = [writing.Fd, passed, Environs.Descriptor(Environs.TunFd), Environs.Descriptor(Environs.UapiFd)];
                _ = Sys.CloseAllOnExec(3); // before Linux 5.11 they stay open, as with most daemons
                SetCloseOnExec(meant, false);
                pid = DaemonOf(arguments, [.. variables, $"{Environs.ReadyFd}={writing.Fd}"]).Start();
                SetCloseOnExec(meant, true); // hooks that are run later inherit none of them
            }
            string line = ReadLine(reading.Fd);
            if (line == Readiness.ReadyLine) return;
            throw new SetupException(line.Length > 0 ? line : HowItEnded(ChildProcess.StatusOf(pid)));
        }
        catch (LinuxException e)
        {
            throw new SetupException($"cannot go into the background (-f stays in the foreground): {e.Message}");
        }
    }

    /// <summary>
    /// The new process inherits only the descriptors meant for it: no lock, pipe or socket of another program.
    /// </summary>
    private static void SetCloseOnExec(int?[] meant, bool closes)
    {
        foreach (int? fd in meant)
        {
            if (fd is { } open) _ = Sys.SetCloseOnExec(open, closes); // if it is not open, the new process reports it
        }
    }

    private static ChildProcess DaemonOf(IReadOnlyList<string> arguments, IReadOnlyList<string> variables)
    {
        string path = Environment.ProcessPath ?? throw new SetupException("cannot find this program's own file: use -f");
        bool keepsOutput = Environs.Get(Environs.LogLevel) is { } level && StderrLogger.LevelOf(level) != LogLevel.None;
        return new ChildProcess(path, arguments)
        {
            Variables = variables,
            Nowhere = keepsOutput ? [0] : [0, 1, 2],
            HasSession = true,
        };
    }

    private static string ReadLine(int fd)
    {
        byte[] bytes = new byte[4096];
        int length = 0, n;
        do
        {
            n = Sys.Read(fd, bytes.AsSpan(length));
            length += Math.Max(n, 0);
        }
        while (n > 0 && bytes[length - 1] != (byte)'\n');
        return Encoding.UTF8.GetString(bytes, 0, length).TrimEnd('\n');
    }

    /// <param name="status">As waitpid(2) gives it.</param>
    internal static string HowItEnded(int status)
    {
        int signal = status & 0x7f; // wait.h: WTERMSIG, else WEXITSTATUS
        string how = signal != 0 ? $"was killed by signal {signal}" : $"ended with code {(status >> 8) & 0xff}";
        return $"the background process {how} before it was ready; LOG_LEVEL=verbose or -f may show why";
    }
}
