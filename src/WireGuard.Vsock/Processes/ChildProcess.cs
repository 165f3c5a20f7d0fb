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
    private static readonly byte[][] s_withheld =
        [.. ServiceNotify.Variables.Append(ReadyVariable).Select(name => Encoding.UTF8.GetBytes(name + "="))];

    /// <summary>The highest descriptor that <see cref="PassesNoOthers"/> looks at: those above become close-on-exec.</summary>
    private const int HighestLooked = 1023;

    private static readonly Lock s_gate = new();

    /// <summary>
    /// Children by process id, and the status of those that <see cref="TakeAny"/> has reaped before who waits for them. Guarded
    /// by s_gate.
    /// </summary>
    private static readonly Dictionary<int, int?> s_statuses = [];

    /// <summary>The pipe on which this process, if it is one in the background, reports to the command that started it.</summary>
    public const string ReadyVariable = "WG_VSOCK_READY_FD";

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

    /// <summary>
    /// Descriptors that it inherits under their numbers, also those that are close-on-exec here. Closed ones are left out.
    /// </summary>
    public IReadOnlyList<int> Passed { get; init; } = [];

    /// <summary>Whether it inherits no others above 2: no lock, pipe or socket of another program.</summary>
    public bool PassesNoOthers { get; init; }

    /// <summary>Which of its descriptors lead to nothing.</summary>
    public IReadOnlyList<int> Nowhere { get; init; } = [];

    /// <summary>
    /// Which of its descriptors it writes to and must not read: <see cref="StandardDescriptors.OpenForWriting"/>.
    /// </summary>
    public IReadOnlyList<int> WritesOnly { get; init; } = [];

    /// <summary>Whether it gets a session of its own, without a terminal.</summary>
    public bool HasSession { get; init; }

    /// <summary>Whether it gets a process group of its own, in our session.</summary>
    public bool HasGroup { get; init; }

    /// <summary>Starts it. Gives its process id, or a negated errno.</summary>
    public int TryStart()
    {
        byte* actions = stackalloc byte[SpawnObjectSize], attributes = stackalloc byte[SpawnObjectSize];
        int nothing = Nowhere.Count == 0 ? -1 : StandardDescriptors.OpenNothing();
        if (Nowhere.Count > 0 && nothing < 0) return nothing;
        List<FileDescriptor> writing = [];
        _ = posix_spawn_file_actions_init(actions);
        _ = posix_spawnattr_init(attributes);
        try
        {
            SetAttributes(attributes);
            foreach (int fd in Nowhere) _ = posix_spawn_file_actions_adddup2(actions, nothing, fd);
            foreach (int fd in WritesOnly.Except(Nowhere))
            {
                int opened = StandardDescriptors.OpenForWriting(fd);
                if (opened < 0) continue;
                writing.Add(new FileDescriptor(opened));
                _ = posix_spawn_file_actions_adddup2(actions, opened, fd);
            }

            if (Input is { } input) _ = posix_spawn_file_actions_adddup2(actions, input, 0);
            PassDescriptors(actions);
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
                lock (s_gate)
                {
                    int error = posix_spawn(&pid, Path, actions, attributes, argv, envp);
                    if (error != 0) return -error;
                    s_statuses[pid] = null;
                    return pid;
                }
            }
        }
        finally
        {
            _ = posix_spawn_file_actions_destroy(actions);
            _ = posix_spawnattr_destroy(attributes);
            if (nothing >= 0) Sys.Close(nothing);
            foreach (FileDescriptor descriptor in writing) descriptor.Dispose();
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
        return Sys.WaitPid(pid, &status) == pid ? Forget(pid, status) : Forget(pid, 0);
    }

    /// <summary>The same without waiting.</summary>
    /// <returns>False if it has not ended.</returns>
    public static bool TryTakeStatus(int pid, out int status)
    {
        int taken = Sys.TakeEnd(pid, out status);
        if (taken == 0) return false;
        status = Forget(pid, taken == pid ? status : 0);
        return true;
    }

    /// <summary>
    /// Reaps a child, or an orphan given to this process, that has ended or stopped. Another thread that waits for it gets its
    /// status all the same.
    /// </summary>
    /// <returns>False if there is nothing to reap any more.</returns>
    public static bool TakeAny(int pid, out int status)
    {
        lock (s_gate)
        {
            if (Sys.TakeStatus(pid, out status) != pid) return false;
            if (!IsStopped(status) && s_statuses.ContainsKey(pid)) s_statuses[pid] = status;
            return true;
        }
    }

    /// <summary>Whether a status is that of a stopped process (wait.h: WIFSTOPPED).</summary>
    public static bool IsStopped(int status) => (status & 0xff) == 0x7f;

    /// <summary>
    /// The exit code as shells give it: 128 and the signal that ended it (wait.h: WTERMSIG), else its own (WEXITSTATUS).
    /// </summary>
    public static int ExitCodeOf(int status) => (status & 0x7f) is var signal and not 0 ? 128 + signal : (status >> 8) & 0xff;

    /// <summary>The status that was reaped meanwhile, or else the one that is given.</summary>
    private static int Forget(int pid, int status)
    {
        lock (s_gate) return s_statuses.Remove(pid, out int? reaped) && reaped is { } known ? known : status;
    }

    private void PassDescriptors(void* actions)
    {
        if (PassesNoOthers)
        {
            _ = Sys.CloseAllOnExec(HighestLooked + 1); // before Linux 5.11 they stay open, as with most daemons
            for (int fd = 3; fd <= HighestLooked; fd++)
                if (Sys.IsOpen(fd, out bool isInherited) && isInherited && !Passed.Contains(fd))
                    _ = posix_spawn_file_actions_addclose(actions, fd);
        }

        // One that is duplicated onto itself is not closed on exec there (glibc 2.29).
        foreach (int fd in Passed)
            if (Sys.IsOpen(fd, out _)) _ = posix_spawn_file_actions_adddup2(actions, fd, fd);
    }

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
