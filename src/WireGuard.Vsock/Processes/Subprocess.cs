using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// Another process of this program, which is a part of this one. It has a session of its own, so that Ctrl-C is not for it, and
/// inherits no descriptor that is not meant for it. It ends when this process does, in whatever way: <see cref="Supervisor"/> is
/// its view. Any thread may use it.
/// <para>
/// Start it on a thread that lasts as long as it is to: the kernel tells it of the end of the thread that started it.
/// </para>
/// </summary>
internal sealed class Subprocess : IDisposable
{
    private const int PatienceMs = 10_000;
    private const int StepMs = 5;

    private readonly int _pid;
    private readonly Lock _gate = new();
    private int? _status; // guarded by _gate: once it has ended

    private Subprocess(int pid, FileDescriptor socket) => (_pid, Socket) = (pid, socket);

    /// <summary>
    /// Carries messages to it and from it: SOCK_SEQPACKET, non-blocking. It ends (a message of no bytes) when the process
    /// does.
    /// </summary>
    public FileDescriptor Socket { get; }

    /// <summary>Starts it.</summary>
    /// <param name="program">This program, with its arguments and what else it is given.</param>
    /// <exception cref="LinuxException">It could not be started.</exception>
    public static Subprocess Start(ChildProcess program)
    {
        Sys.Check(Sys.SocketPair(SOCK_SEQPACKET, out int ours, out int its), "socketpair");
        FileDescriptor socket = new(ours);
        using FileDescriptor theirs = new(its);
        try
        {
            int pid = (program with
            {
                Variables = [.. program.Variables, .. Supervisor.VariablesFor(its)],
                Passed = [.. program.Passed, its],
                PassesNoOthers = true,
                HasSession = true,
            }).Start();
            return new Subprocess(pid, socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends it a signal, unless it has ended.</summary>
    public void Signal(int signal)
    {
        lock (_gate)
        {
            if (!TryTakeStatus())
                _ = Sys.Kill(_pid, signal);
        }
    }

    /// <summary>
    /// Ends it, if it has not ended already: by SIGTERM, and by SIGKILL 10 s later. Gives its status, as waitpid(2) does.
    /// </summary>
    public int End()
    {
        // A signal to end is from us only then: see Supervisor.IsThere.
        _ = Sys.Shutdown(Socket.Fd, SHUT_RDWR);
        Signal(SIGTERM);
        Signal(SIGCONT); // a stopped process takes no other signal
        for (long end = Sys.MonotonicMs() + PatienceMs; ; Thread.Sleep(StepMs))
        {
            lock (_gate)
            {
                if (TryTakeStatus())
                    return _status!.Value;
            }

            if (Sys.MonotonicMs() >= end)
                Signal(SIGKILL);
        }
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        if (Socket.IsClosed)
            return;
        End();
        Socket.Dispose();
    }

    /// <summary>Whether it has ended. With the gate.</summary>
    private bool TryTakeStatus()
    {
        if (_status is null && ChildProcess.TryTakeStatus(_pid, out int status))
            _status = status;
        return _status is not null;
    }
}
