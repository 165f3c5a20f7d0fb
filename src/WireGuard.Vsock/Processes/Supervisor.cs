using System.Globalization;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// The process that has started this one as a part of itself (<see cref="Subprocess"/>). A process that was not started so has
/// none. This one ends with it: the kernel sends SIGTERM then.
/// </summary>
internal static class Supervisor
{
    private const string ProcessVariable = "WG_VSOCK_SUPERVISOR";
    private const string SocketVariable = "WG_VSOCK_SUPERVISOR_FD";

    private static int s_process; // set by TryFollow

    /// <summary>Carries messages to it and from it: SOCK_SEQPACKET, non-blocking. Null if there is none.</summary>
    public static FileDescriptor? Socket { get; private set; }

    /// <summary>
    /// Whether there is one that still wants this process: until it has ended, or has begun to end this process, signals to end
    /// that this one gets are meant for both, as those that a service manager sends to all processes of a service. They are the
    /// supervisor's then, which ends this process last.
    /// </summary>
    /// <remarks>
    /// The kernel sends SIGTERM at the end of the thread that has started this process; its other threads, and the socket with
    /// them, may last a moment longer, but they are its parent no more.
    /// </remarks>
    public static bool IsThere => Socket is { } socket && getppid() == s_process
        && Sys.Poll(socket.Fd, 0, 0) is >= 0 and var events && (events & POLLHUP) == 0;

    /// <summary>What the environment of a process has that this one starts so.</summary>
    /// <param name="fd">Its end of the socket.</param>
    public static IReadOnlyList<string> VariablesFor(int fd) =>
    [
        string.Create(CultureInfo.InvariantCulture, $"{ProcessVariable}={Environment.ProcessId}"),
        string.Create(CultureInfo.InvariantCulture, $"{SocketVariable}={fd}"),
    ];

    /// <summary>Called first of all, by the main thread.</summary>
    /// <returns>False if it has ended already, and this process is to end at once.</returns>
    public static bool TryFollow()
    {
        if (NumberIn(ProcessVariable) is not { } process)
            return true;
        s_process = process;
        _ = Sys.SignalAtParentsEnd(SIGTERM);
        if (NumberIn(SocketVariable) is { } fd)
        {
            _ = Sys.SetCloseOnExec(fd, true);
            Socket = new FileDescriptor(fd);
        }

        return getppid() == process; // of one that has ended this process would never hear
    }

    private static int? NumberIn(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number) ? number : null;
}
