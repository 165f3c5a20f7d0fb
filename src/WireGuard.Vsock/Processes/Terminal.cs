using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// This session's terminal, between this process and a command that has a process group of its own. In the background a
/// command that reads from the terminal or sets it is stopped by the kernel (SIGTTIN, SIGTTOU); then it gets the terminal, if
/// we have it. Until then signals from the keyboard come to us and are passed on; so `up FILE -- COMMAND | less` leaves the
/// terminal to less. A command that is stopped from the keyboard (SIGTSTP) stops this process, too, so that the shell goes on.
/// </summary>
internal sealed class Terminal : IDisposable
{
    private readonly FileDescriptor _tty = new(Math.Max(-1, Sys.Open("/dev/tty", O_RDWR | O_NOCTTY)));
    private bool _isGiven; // owned by the thread that waits for the command

    private bool IsOurs => !_tty.IsInvalid && Sys.ForegroundGroup(_tty.Fd) == getpgrp();

    /// <summary>A shell waits for us: our parent is in our session. Else no process would continue us.</summary>
    private static bool CanStop => getppid() is > 0 and var parent && getsid(parent) == getsid(0);

    /// <summary>The command has been stopped: returns when it goes on.</summary>
    public void FollowStop(int command, int signal)
    {
        // Any other signal that stops it is meant for it alone.
        if (signal is not (SIGTSTP or SIGTTIN or SIGTTOU)) return;
        bool wantsTerminal = signal is SIGTTIN or SIGTTOU;
        if (wantsTerminal && !IsOurs && !CanStop) return;
        if (!(wantsTerminal && IsOurs))
        {
            TakeBack();
            if (CanStop) Sys.Raise(SIGSTOP);
        }
        if (wantsTerminal && IsOurs)
        {
            Sys.SetForegroundGroup(_tty.Fd, command);
            _isGiven = true;
        }
        _ = Sys.Kill(-command, SIGCONT);
    }

    /// <summary>If the command has the terminal, it is ours again.</summary>
    public void TakeBack()
    {
        if (_isGiven) Sys.SetForegroundGroup(_tty.Fd, getpgrp());
        _isGiven = false;
    }

    public void Dispose() => _tty.Dispose();
}
