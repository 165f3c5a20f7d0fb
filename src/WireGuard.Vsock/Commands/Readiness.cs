using System.Globalization;
using System.Text;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Reports whether a daemon has started: in the background by one line on a pipe to the waiting command
/// (<see cref="Background"/>), in the foreground only a failure, on stderr.
/// </summary>
internal sealed class Readiness : IDisposable
{
    /// <summary>The line of a daemon that is ready; any other is the reason why it is not.</summary>
    public const string ReadyLine = "ready";

    private readonly FileDescriptor _pipe;
    private readonly FileDescriptor _lock;

    /// <param name="pipe">The number of the pipe's descriptor, which is closed afterwards; anything else for none.</param>
    /// <param name="tunnelLock">
    /// That of the lock of a tunnel, which is held until the daemon is ready: if the `up` that waits for it is killed, the next
    /// one does not begin before this daemon is there or gone.
    /// </param>
    public Readiness(string? pipe, string? tunnelLock = null)
    {
        _pipe = Inherited(pipe);
        _lock = Inherited(tunnelLock);
    }

    /// <summary>Whether this process is the one in the background.</summary>
    public bool IsAwaited => !_pipe.IsInvalid;

    /// <summary>Whether the command that waited for this process has ended.</summary>
    public bool IsAbandoned =>
        !_pipe.IsClosed && IsAwaited && Sys.Poll(_pipe.Fd, 0, 0) is > 0 and var events && (events & Libc.POLLERR) != 0;

    /// <summary>
    /// Tells the command that waits that the whole tunnel is up, and leaves the terminal, the folder and the output it has
    /// shared with that. Nothing for a process that is not awaited.
    /// </summary>
    /// <exception cref="SetupException">The `up` that waited was killed.</exception>
    public void TunnelIsUp()
    {
        if (!IsAwaited)
            return;
        _ = Sys.BeginSession(); // before that, the hooks had the terminal
        _ = Sys.ChangeDirectory("/"); // not to keep a file system busy
        StandardDescriptors.LeadNowhere(first: 0, last: Background.KeepsOutput ? 0 : 2);
        if (!TryTell(ReadyLine))
            throw new SetupException("the `up` that waited for it has ended");
    }

    /// <exception cref="SetupException">The `up` that waited was killed.</exception>
    public void Ready()
    {
        if (!_pipe.IsInvalid && !TryTell(ReadyLine) && !_lock.IsInvalid)
            throw new SetupException("the `up` that waited for it has ended");
        _lock.Dispose();
    }

    public void Failed(string line)
    {
        if (_pipe.IsClosed || _pipe.IsInvalid) Say.Error(line);
        else _ = TryTell(line);
    }

    /// <summary>The lock is released last: with the process.</summary>
    public void Dispose() => _pipe.Dispose();

    private static FileDescriptor Inherited(string? number)
    {
        bool isNumber = int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int fd);
        FileDescriptor inherited = new(isNumber ? fd : -1);
        if (!inherited.IsInvalid) _ = Sys.SetCloseOnExec(inherited.Fd, true);
        return inherited;
    }

    private bool TryTell(string line)
    {
        int result = Sys.Write(_pipe.Fd, Encoding.UTF8.GetBytes(line.ReplaceLineEndings(" ") + "\n"));
        _pipe.Dispose();
        return result >= 0;
    }
}
