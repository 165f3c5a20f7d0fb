using System.Collections;
using System.Text;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Starts the daemon in the background. A .NET process cannot fork and continue, since its other threads would be missing, so:
/// <para>
/// 1. The command starts itself again, in a new session, with the writing end of a pipe. 2. The new process makes the interface
/// and the control socket and then writes one line: that it is ready, or why not (<see cref="Readiness"/>). 3. The command reads
/// that line, or the pipe's end if the process died, and returns 0 or 1.
/// </para>
/// </summary>
internal static unsafe class Background
{
    /// <summary>Starts the daemon in the background and waits until it is ready. Returns the exit code.</summary>
    public static int Start()
    {
        try
        {
            Sys.Check(Sys.Pipe(out int read, out int write), "pipe2");
            using FileDescriptor reading = new(read);
            int pid;
            using (FileDescriptor writing = new(write))
            {
                PassOn(writing.Fd);
                pid = Spawn(writing.Fd);
            }
            string line = ReadLine(reading.Fd);
            if (line == Readiness.ReadyLine) return 0;
            Say.Error(line.Length > 0 ? line : HowItEnded(WaitFor(pid)));
        }
        catch (SetupException e)
        {
            Say.Error(e.Message);
        }
        catch (LinuxException e)
        {
            Say.Error($"cannot go into the background (-f stays in the foreground): {e.Message}");
        }
        return 1;
    }

    /// <summary>
    /// The new process inherits only the descriptors meant for it: no lock, pipe or socket of another program.
    /// </summary>
    private static void PassOn(int ready)
    {
        _ = Sys.CloseAllOnExec(3); // before Linux 5.11 they stay open, as with most daemons
        int?[] meant = [ready, Environs.Descriptor(Environs.TunFd), Environs.Descriptor(Environs.UapiFd)];
        foreach (int? fd in meant)
        {
            if (fd is { } open) _ = Sys.SetCloseOnExec(open, false); // if it is not open, the new process reports it
        }
    }

    private static int Spawn(int ready)
    {
        string path = Environment.ProcessPath ?? throw new SetupException("cannot find this program's own file: use -f");
        string[] arguments = Environment.GetCommandLineArgs();
        byte* actions = stackalloc byte[SpawnObjectSize], attributes = stackalloc byte[SpawnObjectSize];
        _ = posix_spawn_file_actions_init(actions);
        _ = posix_spawnattr_init(attributes);
        try
        {
            _ = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID);
            bool keepsOutput = Environs.Get(Environs.LogLevel) is { } level && StderrLogger.LevelOf(level) != LogLevel.None;
            for (int fd = 0; fd <= (keepsOutput ? 0 : 2); fd++)
            {
                _ = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
            }
            int pid;
            List<string> variables = VariablesWith(ready);
            fixed (byte* argumentBlock = BlockOf(arguments), variableBlock = BlockOf(variables))
            {
                byte** argv = stackalloc byte*[arguments.Length + 1];
                byte** envp = stackalloc byte*[variables.Count + 1];
                Point(argv, argumentBlock, arguments.Length);
                Point(envp, variableBlock, variables.Count);
                int error = posix_spawn(&pid, path, actions, attributes, argv, envp);
                if (error != 0) throw new LinuxException($"posix_spawn({path})", error);
            }
            return pid;
        }
        finally
        {
            _ = posix_spawn_file_actions_destroy(actions);
            _ = posix_spawnattr_destroy(attributes);
        }
    }

    /// <summary>Our environment and the pipe's number, each "name=value".</summary>
    private static List<string> VariablesWith(int ready)
    {
        List<string> variables = [$"{Environs.ReadyFd}={ready}"];
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if ((string)variable.Key != Environs.ReadyFd) variables.Add($"{variable.Key}={variable.Value}");
        }
        return variables;
    }

    /// <summary>The strings one after another, each ended by a zero.</summary>
    private static byte[] BlockOf(IEnumerable<string> strings) =>
        Encoding.UTF8.GetBytes(string.Concat(strings.Select(s => s + '\0')));

    /// <summary>Fills a null-ended vector with the strings of a block.</summary>
    private static void Point(byte** vector, byte* block, int count)
    {
        for (int i = 0; i < count; i++)
        {
            vector[i] = block;
            while (*block++ != 0) { }
        }
        vector[count] = null;
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

    private static int WaitFor(int pid)
    {
        int status = 0;
        _ = Sys.WaitPid(pid, &status);
        return status;
    }

    /// <param name="status">As waitpid(2) gives it.</param>
    internal static string HowItEnded(int status)
    {
        int signal = status & 0x7f; // wait.h: WTERMSIG, else WEXITSTATUS
        string how = signal != 0 ? $"was killed by signal {signal}" : $"ended with code {(status >> 8) & 0xff}";
        return $"the background process {how} before it was ready; LOG_LEVEL=verbose or -f may show why";
    }
}
