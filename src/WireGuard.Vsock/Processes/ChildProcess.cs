using System.Runtime.InteropServices;
using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// A program to start by posix_spawn(3). It begins with no signal blocked. Signals that were ignored when this process was
/// started are ignored there too, except SIGPIPE and SIGXFSZ, which .NET and this program ignore for themselves: they have
/// their defaults.
/// </summary>
/// <param name="Path">Of the file.</param>
/// <param name="Arguments">Its arguments, which need not be UTF-8; the first is its name.</param>
internal sealed unsafe record ChildProcess(string Path, IReadOnlyList<byte[]> Arguments)
{
    /// <summary>Those of our variables that no child gets.</summary>
    private static readonly byte[][] s_withheld = [.. ServiceNotify.Variables.Select(name => Encoding.UTF8.GetBytes(name + "="))];

    public ChildProcess(string path, IReadOnlyList<string> arguments)
        : this(path, [.. arguments.Select(Encoding.UTF8.GetBytes)])
    {
    }

    /// <summary>
    /// What its environment has besides ours or instead, each "name=value". Of ours, it gets the rest as it is, without what the
    /// service manager means for this process alone.
    /// </summary>
    public IReadOnlyList<string> Variables { get; init; } = [];

    /// <summary>A descriptor that becomes its standard input; null for ours.</summary>
    public int? Input { get; init; }

    /// <summary>Which of its descriptors lead to /dev/null.</summary>
    public IReadOnlyList<int> Nowhere { get; init; } = [];

    /// <summary>Whether it gets a session of its own, without a terminal.</summary>
    public bool HasSession { get; init; }

    /// <summary>Whether it gets a process group of its own, in our session.</summary>
    public bool HasGroup { get; init; }

    /// <summary>Starts it. Gives its process id, or a negated errno.</summary>
    public int TryStart()
    {
        byte* actions = stackalloc byte[SpawnObjectSize], attributes = stackalloc byte[SpawnObjectSize];
        _ = posix_spawn_file_actions_init(actions);
        _ = posix_spawnattr_init(attributes);
        try
        {
            SetAttributes(attributes);
            foreach (int fd in Nowhere) _ = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
            if (Input is { } input) _ = posix_spawn_file_actions_adddup2(actions, input, 0);
            int pid;
            byte[][] variables = [.. Variables.Select(Encoding.UTF8.GetBytes)];
            int ours = Count(Sys.Variables);
            fixed (byte* argumentBlock = BlockOf(Arguments), variableBlock = BlockOf(variables))
            fixed (byte** argv = new byte*[Arguments.Count + 1], envp = new byte*[variables.Length + ours + 1])
            {
                Point(argv, argumentBlock, Arguments.Count);
                Point(envp, variableBlock, variables.Length);
                AddOthers(envp, variables, Sys.Variables, ours);
                Sys.KeepChildren();
                int error = posix_spawn(&pid, Path, actions, attributes, argv, envp);
                return error == 0 ? pid : -error;
            }
        }
        finally
        {
            _ = posix_spawn_file_actions_destroy(actions);
            _ = posix_spawnattr_destroy(attributes);
        }
    }

    /// <summary>Starts it. Gives its process id.</summary>
    /// <exception cref="LinuxException">It could not be started.</exception>
    public int Start() => Sys.Check(TryStart(), $"posix_spawn({Path})");

    /// <summary>Starts it and waits for its end. Gives its exit code, or 128 and the signal that ended it.</summary>
    /// <exception cref="LinuxException">It could not be started.</exception>
    public int Run() => ExitCodeOf(StatusOf(Start()));

    /// <summary>Waits for a child's end. Gives its status, as waitpid(2) does.</summary>
    public static int StatusOf(int pid)
    {
        int status = 0;
        _ = Sys.WaitPid(pid, &status);
        return status;
    }

    /// <summary>
    /// The exit code as shells give it: 128 and the signal that ended it (wait.h: WTERMSIG), else its own (WEXITSTATUS).
    /// </summary>
    public static int ExitCodeOf(int status) => (status & 0x7f) is var signal and not 0 ? 128 + signal : (status >> 8) & 0xff;

    private void SetAttributes(void* attributes)
    {
        ulong* signals = stackalloc ulong[SignalSetWords];
        new Span<ulong>(signals, SignalSetWords).Clear();
        _ = posix_spawnattr_setsigmask(attributes, signals);
        signals[0] = 1UL << (SIGPIPE - 1) | 1UL << (SIGXFSZ - 1);
        _ = posix_spawnattr_setsigdefault(attributes, signals);
        _ = posix_spawnattr_setpgroup(attributes, 0);
        int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        if (HasSession) flags |= POSIX_SPAWN_SETSID;
        if (HasGroup) flags |= POSIX_SPAWN_SETPGROUP;
        _ = posix_spawnattr_setflags(attributes, (short)flags);
    }

    /// <summary>The strings one after another, each ended by a zero.</summary>
    private static byte[] BlockOf(IEnumerable<byte[]> strings) => [.. strings.SelectMany(s => s.Append((byte)0))];

    /// <summary>Fills a null-ended vector with the strings of a block.</summary>
    private static void Point(byte** vector, byte* block, int count)
    {
        for (int i = 0; i < count; i++)
        {
            vector[i] = block;
            while (*block++ != 0)
            {
            }
        }
        vector[count] = null;
    }

    private static int Count(byte** vector)
    {
        int count = 0;
        while (vector[count] != null) count++;
        return count;
    }

    /// <summary>Adds those of our variables that it gets and that have no other value there, to a vector.</summary>
    private static void AddOthers(byte** vector, byte[][] others, byte** ours, int count)
    {
        int length = others.Length;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> variable = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(ours[i]);
            bool isLeftOut = false;
            foreach (byte[] name in s_withheld) isLeftOut |= variable.StartsWith(name);
            foreach (byte[] other in others) isLeftOut |= variable.StartsWith(other.AsSpan(0, other.IndexOf((byte)'=') + 1));
            if (!isLeftOut) vector[length++] = ours[i];
        }
        vector[length] = null;
    }
}
