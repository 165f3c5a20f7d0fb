using System.Globalization;
using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// SIGTERM, SIGINT, SIGHUP and the other signals that ask a process to end: on each the daemon shuts down and removes
/// its control socket. They are caught before that socket is made. A signal that was ignored at start, as SIGHUP under nohup(1),
/// still is. SIGHUP may have another meaning: then it ends nothing.
/// <para>
/// DEVIATION: wireguard-go catches SIGTERM and SIGINT alone, and leaves its socket behind after any other. Test:
/// Every_signal_that_ends_it_leaves_nothing.
/// </para>
/// </summary>
internal sealed class StopSignals : IDisposable
{
    /// <summary>Those that end a process by default (signal(7)), except SIGKILL and those that report a fault.</summary>
    private static readonly (int Number, string Name)[] Signals =
    [
        (SIGHUP, "SIGHUP"), (SIGINT, "SIGINT"), (SIGQUIT, "SIGQUIT"), (SIGUSR1, "SIGUSR1"), (SIGALRM, "SIGALRM"),
        (SIGTERM, "SIGTERM"), (SIGSTKFLT, "SIGSTKFLT"), (SIGXCPU, "SIGXCPU"), (SIGVTALRM, "SIGVTALRM"), (SIGPROF, "SIGPROF"),
        (SIGIO, "SIGIO"), (SIGPWR, "SIGPWR"),
        .. Enumerable.Range(FirstRealTime, LastRealTime - FirstRealTime + 1).Select(
            number => (number, string.Create(CultureInfo.InvariantCulture, $"SIGRTMIN+{number - FirstRealTime + 1}"))),
    ];

    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Action? _onHangup;
    private readonly Action? _onUser1;
    private Action<string>? _stop; // interlocked
    private string? _signal;       // interlocked: the last received

    /// <param name="onHangup">
    /// What SIGHUP does, on a thread of the runtime; null if it ends the process.
    /// </param>
    /// <param name="onUser1">The same of SIGUSR1.</param>
    /// <exception cref="SetupException">They cannot be caught, which takes a thread and two descriptors.</exception>
    public StopSignals(Action? onHangup = null, Action? onUser1 = null)
    {
        (_onHangup, _onUser1) = (onHangup, onUser1);
        try
        {
            foreach ((int number, string name) in Signals)
                _registrations.Add(PosixSignalRegistration.Create((PosixSignal)number, context => Take(context, name)));
        }
        catch (Exception e) when (e is IOException or TypeInitializationException)
        {
            Dispose();
            throw new SetupException($"cannot listen for signals: {(e.InnerException ?? e).Message}");
        }
    }

    /// <summary>Ignores them, and SIGUSR2: in a process that none of them is meant for.</summary>
    public static void IgnoreAll()
    {
        foreach ((int number, _) in Signals)
            Sys.Ignore(number);
        Sys.Ignore(SIGUSR2);
    }

    /// <summary>From now on calls back with a signal's name, on a thread of the runtime; at once if one was received.</summary>
    public void Call(Action<string> stop)
    {
        Interlocked.Exchange(ref _stop, stop);
        if (Interlocked.Exchange(ref _signal, null) is { } signal)
            stop(signal);
    }

    /// <summary>From now on signals are caught and ignored: the daemon is ending.</summary>
    public void Ignore() => Interlocked.Exchange(ref _stop, null);

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void Take(PosixSignalContext context, string name)
    {
        context.Cancel = true;
        Action? other = name == "SIGHUP" ? _onHangup : name == "SIGUSR1" ? _onUser1 : null;
        if (other is not null)
        {
            other();
            return;
        }

        Interlocked.Exchange(ref _signal, name);
        Volatile.Read(ref _stop)?.Invoke(name);
    }
}
