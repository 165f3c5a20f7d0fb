using System.Runtime.InteropServices;
using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// The command behind a tunnel: <c>up FILE -- COMMAND [ARGUMENT...]</c>. It runs in a process group of its own; each signal
/// that this process receives is passed on to it (those that a terminal sends to a group: to its group), and each child that
/// ends is reaped: as process 1 those are also orphans of others.
/// <para>
/// 1. The constructor finds the program, before anything is changed, and begins to catch signals. 2. <see cref="Start"/>
/// starts it once the tunnel is up. 3. <see cref="Wait"/>, on the same thread, gives its exit code.
/// 4. <see cref="Terminate"/>, from any thread, ends it because the tunnel has failed. 5. Until it is disposed of, signals are
/// caught and change nothing more.
/// </para>
/// </summary>
internal sealed class CommandProcess : IDisposable
{
    /// <summary>How long a command has to end after SIGTERM.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Those that can be caught, except those that report a fault (signal(7)), SIGCHLD, SIGTTIN and SIGTTOU.</summary>
    private static readonly int[] s_signals =
    [
        SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGSTKFLT, SIGCONT, SIGTSTP, SIGXCPU, SIGVTALRM, SIGPROF,
        SIGWINCH, SIGIO, SIGPWR, .. Enumerable.Range(FirstRealTime, LastRealTime - FirstRealTime + 1),
    ];

    private readonly string _name;
    private readonly ChildProcess _program;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly ManualResetEventSlim _ended = new();
    private readonly CancellationTokenSource _interruption = new();
    private readonly Lock _gate = new();
    private readonly List<int> _early = []; // guarded by _gate: signals from before the start
    private int _pid;                       // guarded by _gate: 0 before the start and after the end
    private bool _isOver;                   // guarded by _gate: it has ended, or is not to start
    private int _stopSignal;                // guarded by _gate: the one that prevented the start, 0 for none

    /// <summary>The command that has ended, for process 1 to say. Written and read by the main thread.</summary>
    public static string? Ended { get; private set; }

    /// <param name="line">The command and its arguments.</param>
    /// <exception cref="SetupException">There is no such program, or signals cannot be caught.</exception>
    public CommandProcess(IReadOnlyList<string> line)
    {
        _name = line[0];
        _program = new ChildProcess(ProgramPath.Find(_name), BytesOf(line)) { HasGroup = true };
        Sys.KeepChildren();
        try
        {
            foreach (int signal in s_signals)
                _registrations.Add(PosixSignalRegistration.Create((PosixSignal)signal, context => Receive(context, signal)));
        }
        catch (Exception e) when (e is IOException or TypeInitializationException)
        {
            Dispose();
            throw new SetupException($"cannot listen for signals: {(e.InnerException ?? e).Message}");
        }
    }

    /// <summary>
    /// Cancelled by a signal that asks this process to end, or by <see cref="Terminate"/>, before the command has started: it
    /// will not start, and <see cref="Wait"/> gives the code of that signal, or 1.
    /// </summary>
    public CancellationToken Interruption => _interruption.Token;

    /// <summary>The signal that asked this process to end before the command was started; 0 for none.</summary>
    public int StopSignal
    {
        get
        {
            lock (_gate) return _stopSignal;
        }
    }

    /// <exception cref="SetupException">It could not be started: 127 if there is no such file, else 126.</exception>
    public void Start()
    {
        lock (_gate)
        {
            if (_isOver) return;
            int pid = Spawn();
            if (pid < 0)
            {
                _isOver = true;
                throw new SetupException(
                    $"cannot run '{_name}': {Errno.Text(-pid)}",
                    pid == -Errno.ENOENT ? ProgramPath.NotFound : ProgramPath.NotExecutable);
            }
            _pid = pid;
            foreach (int signal in _early) _ = Sys.Kill(pid, signal);
        }
    }

    /// <summary>Waits until the command has ended, and reaps children until then.</summary>
    /// <returns>Its exit code, or 128 and the signal that ended it or prevented its start; 1 if the tunnel's end did.</returns>
    public int Wait()
    {
        using Terminal terminal = new();
        while (true)
        {
            int command, status;
            lock (_gate)
            {
                command = _pid;
                if (command == 0) return _stopSignal == 0 ? 1 : 128 + _stopSignal;
            }
            int pid = Sys.Check(Sys.WaitForAny(), "waitid");
            lock (_gate)
            {
                if (!ChildProcess.TakeAny(pid, out status) || pid != command) continue;
                _isOver = !ChildProcess.IsStopped(status);
                if (_isOver) _pid = 0;
            }
            if (ChildProcess.IsStopped(status))
            {
                terminal.FollowStop(pid, (status >> 8) & 0xff);
                continue;
            }
            _ended.Set();
            Ended = _name;
            terminal.TakeBack();
            return ChildProcess.ExitCodeOf(status);
        }
    }

    /// <summary>
    /// From any thread: ends the command with SIGTERM, and with SIGKILL if it has not ended 10 s later; if it has not started, it
    /// will not. Returns at once.
    /// </summary>
    public void Terminate()
    {
        lock (_gate)
        {
            if (_pid == 0)
            {
                if (!_isOver) CancelStart();
                return;
            }
        }
        Pass(SIGTERM);
        Pass(SIGCONT); // a stopped process takes no other signal
        new Thread(() =>
        {
            if (!_ended.Wait(s_patience)) Pass(SIGKILL);
        })
        { IsBackground = true, Name = "killer" }.Start();
    }

    public void Dispose()
    {
        lock (_gate) _isOver = true;
        _registrations.ForEach(registration => registration.Dispose());
        _interruption.Dispose();
    }

    /// <summary>
    /// The words as they were given. Of bytes that are not UTF-8 .NET makes U+FFFD, so words with one are taken from our own
    /// command line, which ends with them.
    /// </summary>
    /// <exception cref="SetupException">It cannot be read.</exception>
    private static byte[][] BytesOf(IReadOnlyList<string> words)
    {
        if (!words.Any(IsDoubtful)) return [.. words.Select(Encoding.UTF8.GetBytes)];
        _ = Sys.ReadFile("/proc/self/cmdline", out byte[] line);
        ReadOnlySpan<byte> text = line.AsSpan(0, Math.Max(0, line.Length - 1)); // the last word, too, ends with a zero
        List<byte[]> given = [];
        foreach (Range range in text.Split((byte)0)) given.Add(line[range]);
        byte[][] last = [.. given.TakeLast(words.Count)];
        bool isSame = last.Length == words.Count
            && words.Zip(last).All(pair => IsDoubtful(pair.First) || Encoding.UTF8.GetString(pair.Second) == pair.First);
        if (!isSame) throw new SetupException($"cannot run '{words[0]}': it has bytes that are not UTF-8, and /proc is missing");
        return last;

        static bool IsDoubtful(string word) => word.Contains('\uFFFD', StringComparison.Ordinal);
    }

    private int Spawn()
    {
        int pid = _program.TryStart();
        if (pid != -Errno.ENOEXEC) return pid;
        // A script without "#!" is the shell's, as with execvp(3).
        byte[][] line = ["sh"u8.ToArray(), Encoding.UTF8.GetBytes(_program.Path), .. _program.Arguments.Skip(1)];
        return (_program with { Path = "/bin/sh", Arguments = line }).TryStart();
    }

    /// <summary>On a thread of the runtime.</summary>
    private void Receive(PosixSignalContext context, int signal)
    {
        context.Cancel = true;
        lock (_gate)
        {
            if (_pid == 0)
            {
                if (_isOver || signal is SIGCONT or SIGTSTP or SIGWINCH) return;
                if (signal is SIGTERM or SIGINT or SIGHUP or SIGQUIT)
                {
                    _stopSignal = signal;
                    CancelStart();
                }
                else if (!_early.Contains(signal))
                {
                    _early.Add(signal);
                }
                return;
            }
        }
        Pass(signal);
    }

    private void CancelStart()
    {
        _isOver = true;
        _ = _interruption.CancelAsync(); // who waits for it is called on another thread, without the lock
    }

    /// <summary>
    /// A script's shell, as most programs, does not end at Ctrl-C while the program that it waits for goes on: so what a terminal
    /// sends goes to the whole group, and so does SIGKILL, after which no signal would reach the others.
    /// </summary>
    private void Pass(int signal)
    {
        bool isForGroup = signal is SIGINT or SIGQUIT or SIGTSTP or SIGCONT or SIGHUP or SIGWINCH or SIGKILL;
        lock (_gate)
        {
            if (_pid == 0) return;
            // There is no such group when its leader has joined another.
            if (!isForGroup || Sys.Kill(-_pid, signal) == -Errno.ESRCH) _ = Sys.Kill(_pid, signal);
        }
    }
}
