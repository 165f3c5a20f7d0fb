using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// The daemon of a tunnel whose `up` stays: a process of its own, which has the keys and the network, while this one has routes,
/// hooks, the command and the service manager. A thread passes on to the service manager how the daemon is, and notices its end:
/// when its interface is deleted, or when it fails.
/// </summary>
internal sealed class DaemonProcess
{
    /// <summary>Between two messages: neither the manager's queue nor this process's time is the daemon's.</summary>
    private const int PaceMs = 20;

    private readonly string _name;
    private readonly Subprocess _process;
    private readonly Thread _thread;

    private DaemonProcess(string name, Subprocess process, Action onEnded)
    {
        (_name, _process) = (name, process);
        _thread = new Thread(() => Follow(onEnded)) { Name = "daemon", IsBackground = true };
    }

    /// <summary>Starts it, and waits until it is ready. It ends with the thread that calls.</summary>
    /// <param name="line">Its command line, which ends with the interface's name.</param>
    /// <param name="variables">What its environment has besides ours, each "name=value".</param>
    /// <param name="passed">A descriptor that it inherits.</param>
    /// <param name="keepsOutput">Whether it has our stderr; else it has it if LOG_LEVEL is set, as in the background.</param>
    /// <param name="onEnded">Called on another thread when it has ended.</param>
    /// <exception cref="SetupException">It did not become ready.</exception>
    public static DaemonProcess Start(
        IReadOnlyList<string> line, IReadOnlyList<string> variables, int passed, bool keepsOutput, Action onEnded)
    {
        Subprocess process = Background.StartAttached(line, [.. variables, .. ServiceNotify.PassedOn], passed, keepsOutput);
        DaemonProcess made = new(line[^1], process, onEnded);
        made._thread.Start();
        return made;
    }

    /// <summary>From any thread: this machine was cloned.</summary>
    public void DeclareCloned() => _process.Signal(Libc.SIGUSR2);

    /// <summary>Ends it, if it has not ended already. Gives 0, or 1 when it has failed.</summary>
    public int Stop()
    {
        int status = _process.End();
        _thread.Join();
        _process.Dispose();
        if ((status & 0x7f) != 0) // else its log says why
            Say.Error($"the daemon of {_name} {Background.WordsOf(status)}");
        return status == 0 ? 0 : 1;
    }

    private void Follow(Action onEnded)
    {
        Span<byte> message = stackalloc byte[ServiceNotify.LongestPassedOn + 1];
        int socket = _process.Socket.Fd, length;
        while ((length = Sys.Recv(socket, message, 0)) > 0 || length == -Errno.EAGAIN)
        {
            if (length < 0)
            {
                _ = Sys.Poll(socket, Libc.POLLIN, -1);
                continue;
            }

            _ = ServiceNotify.TryPassOn(message[..length]);
            Thread.Sleep(PaceMs);
        }

        _ = _process.End();
        onEnded();
    }
}
