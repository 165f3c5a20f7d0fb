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
/// <para>
/// A tunnel that learns peers keeps its `up`: that starts itself again as `up -f`, which says what it has to say on the
/// descriptors of the command that waits, until it is ready. `up -f` starts its daemon in the same way, as a part of itself.
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
        int pid = 0;
        string line = Hear(DaemonOf(arguments, variables, passed), process => pid = process.Start());
        if (line == Readiness.ReadyLine) return;
        throw new SetupException(line.Length > 0 ? line : HowItEnded(ChildProcess.StatusOf(pid)));
    }

    /// <summary>Starts a daemon as a part of this process, and waits until it is ready.</summary>
    /// <param name="arguments">Of this program; the first is its name.</param>
    /// <param name="variables">What its environment has besides ours, each "name=value".</param>
    /// <param name="passed">A descriptor that it inherits besides.</param>
    /// <param name="keepsOutput">Whether it has our stderr, also if LOG_LEVEL is not set.</param>
    /// <exception cref="SetupException">It did not become ready.</exception>
    public static Subprocess StartAttached(
        IReadOnlyList<string> arguments, IReadOnlyList<string> variables, int passed, bool keepsOutput)
    {
        ChildProcess daemon = DaemonOf(arguments, variables, passed);
        if (keepsOutput)
            daemon = daemon with { Nowhere = [0, 1] }; // stdout may be a command's
        Subprocess? made = null;
        string line = Hear(daemon, process => made = Subprocess.Start(process));
        if (line == Readiness.ReadyLine) return made!;
        using Subprocess failed = made!;
        int status = failed.End();
        throw new SetupException(line.Length > 0 ? line : $"the daemon {WordsOf(status)} before it was ready");
    }

    /// <summary>Starts `up -f` in the background, and waits until it is ready. Gives the exit code.</summary>
    /// <param name="words">What was given to `up`.</param>
    public static int StartTunnel(IReadOnlyList<string> words)
    {
        using StopSignals signals = new();
        ChildProcess tunnel = DaemonOf([Say.ProgramName, "up", "-f", .. words], [], null) with
        {
            Nowhere = [],
            WritesOnly = [],
            // Its hooks have the terminal, as those of any `up`: it gets a session once the tunnel is up.
            HasSession = false,
        };
        int pid = 0;
        string line = Hear(tunnel, process =>
        {
            pid = process.Start();
            signals.Call(_ => Sys.Kill(pid, Libc.SIGTERM)); // it undoes what it has done, and says so
        });
        if (line == Readiness.ReadyLine) return 0;
        int status = ChildProcess.StatusOf(pid);
        return (status & 0x7f) == 0 ? Math.Max(1, ChildProcess.ExitCodeOf(status)) : throw new SetupException(HowItEnded(status));
    }

    /// <summary>Starts a process. Gives the line by which it tells how it is; empty if it has ended.</summary>
    private static string Hear(ChildProcess process, Action<ChildProcess> start)
    {
        try
        {
            Sys.Check(Sys.Pipe(out int read, out int write), "pipe2");
            using FileDescriptor reading = new(read);
            using (FileDescriptor writing = new(write))
            {
                start(process with
                {
                    Variables = [.. process.Variables, $"{Environs.ReadyFd}={write}"],
                    Passed = [.. process.Passed, write],
                });
            }

            foreach (int given in Given)
            {
                // The interface lasts as long as a process has it open, and programs that we start later must not.
                if (Sys.IsOpen(given, out bool isInherited) && isInherited)
                    Sys.Close(given);
            }

            return ReadLine(reading.Fd);
        }
        catch (LinuxException e)
        {
            throw new SetupException($"cannot start another process of {Say.ProgramName}: {e.Message}");
        }
    }

    /// <summary>The interface and the control socket that this process was given for its daemon.</summary>
    private static IEnumerable<int> Given => new[] { Environs.Descriptor(Environs.TunFd), Environs.Descriptor(Environs.UapiFd) }
        .Where(fd => fd > 2)
        .Select(fd => fd!.Value);

    private static ChildProcess DaemonOf(IReadOnlyList<string> arguments, IReadOnlyList<string> variables, int? passed)
    {
        string path = Environment.ProcessPath ?? throw new SetupException("cannot find this program's own file: mount /proc");
        return new ChildProcess(path, arguments)
        {
            Variables = variables,
            Passed = passed is { } fd ? [.. Given, fd] : [.. Given],
            PassesNoOthers = true,
            Nowhere = KeepsOutput ? [0] : [0, 1, 2],
            // In another session it could read a terminal at any time, and nothing would stop it as it does our own jobs.
            WritesOnly = [1, 2],
            HasSession = true,
        };
    }

    /// <summary>Whether what a process in the background writes is to be seen.</summary>
    public static bool KeepsOutput =>
        Environs.Get(Environs.LogLevel) is { } level && StderrLogger.LevelOf(level) != LogLevel.None;

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
    internal static string HowItEnded(int status) =>
        $"the background process {WordsOf(status)} before it was ready; LOG_LEVEL=verbose or -f may show why";

    /// <summary>How a process has ended.</summary>
    /// <param name="status">As waitpid(2) gives it.</param>
    internal static string WordsOf(int status) => (status & 0x7f) is var signal and not 0 // wait.h: WTERMSIG, else WEXITSTATUS
        ? $"was killed by signal {signal}"
        : $"ended with code {(status >> 8) & 0xff}";
}
