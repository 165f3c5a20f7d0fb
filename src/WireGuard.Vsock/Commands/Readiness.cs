using System.Globalization;
using System.Text;
using WireGuard.Vsock.Interop;

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

    /// <param name="pipe">The number of the pipe's descriptor, which is closed afterwards; anything else for none.</param>
    public Readiness(string? pipe)
    {
        _pipe = new FileDescriptor(int.TryParse(pipe, NumberStyles.None, CultureInfo.InvariantCulture, out int fd) ? fd : -1);
        if (!_pipe.IsInvalid) _ = Sys.SetCloseOnExec(_pipe.Fd, true);
    }

    /// <summary>Whether this process is the one in the background.</summary>
    public bool IsAwaited => !_pipe.IsInvalid;

    public void Ready()
    {
        if (!_pipe.IsInvalid) Tell(ReadyLine);
    }

    public void Failed(string line)
    {
        if (_pipe.IsClosed || _pipe.IsInvalid) Say.Error(line);
        else Tell(line);
    }

    public void Dispose() => _pipe.Dispose();

    private void Tell(string line)
    {
        _ = Sys.Write(_pipe.Fd, Encoding.UTF8.GetBytes(line.ReplaceLineEndings(" ") + "\n"));
        _pipe.Dispose();
    }
}
