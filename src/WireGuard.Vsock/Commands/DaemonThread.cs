namespace WireGuard.Vsock.Commands;

/// <summary>
/// The daemon as a thread of `up`'s own process. It ends as a process of its own does: when its interface is deleted, or when it
/// fails; its control socket is removed then.
/// </summary>
internal sealed class DaemonThread
{
    private readonly RunningDaemon _daemon;
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private bool _isOver;  // guarded by _gate
    private int _exitCode; // written by the thread, read after its end

    private DaemonThread(RunningDaemon daemon, Action onEnded)
    {
        _daemon = daemon;
        _thread = new Thread(() => Run(onEnded)) { Name = "control", IsBackground = true };
    }

    /// <summary>Runs a daemon, which is disposed of when it has ended.</summary>
    /// <param name="daemon">Opened.</param>
    /// <param name="onEnded">Called on the thread then.</param>
    public static DaemonThread Start(RunningDaemon daemon, Action onEnded)
    {
        DaemonThread made = new(daemon, onEnded);
        made._thread.Start();
        return made;
    }

    /// <summary>From any thread: this machine was cloned.</summary>
    public void DeclareCloned()
    {
        lock (_gate)
        {
            if (!_isOver)
                _daemon.DeclareCloned();
        }
    }

    /// <summary>Ends it, if it has not ended already. Gives 0, or 1 when it has failed.</summary>
    public int Stop()
    {
        lock (_gate)
        {
            if (!_isOver)
                _daemon.RequestStop();
        }

        _thread.Join();
        return _exitCode;
    }

    private void Run(Action onEnded)
    {
        _exitCode = _daemon.Run();
        lock (_gate)
            _isOver = true;
        _daemon.Dispose();
        onEnded();
    }
}
