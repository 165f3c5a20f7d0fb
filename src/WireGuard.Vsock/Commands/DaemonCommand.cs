using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// The daemon of one interface, as a process: its signals, its exit code: 0 when it ended as asked (or is ready, in the
/// background), 1 when it failed.
/// </summary>
internal static class DaemonCommand
{
    private static volatile RunningDaemon? s_running; // set by the main thread, read by the runtime's for signals

    /// <param name="request">What was asked for.</param>
    /// <param name="reload">
    /// Reads the configuration file that it is given again, and applies it: what SIGHUP does to a daemon that `up` has left
    /// running. Any other ends.
    /// </param>
    public static int Run(CommandLine.Request request, Action<string>? reload = null)
    {
        using Readiness readiness = new(Environs.Get(Environs.ReadyFd), Environs.Get(Environs.LockFd));
        bool foreground = request.Foreground || Environs.Get(Environs.Foreground) == "1" || readiness.IsAwaited;
        return foreground ? RunHere(request, reload, readiness) : Background.Start();
    }

    private static int RunHere(CommandLine.Request request, Action<string>? reload, Readiness readiness)
    {
        try
        {
            Sys.SetSignals();
            // Before anything is made that must be removed in the end.
            using StopSignals signals = new(HangupOf(reload));
            using PosixSignalRegistration cloned = PosixSignalRegistration.Create((PosixSignal)Libc.SIGUSR2, TakeCloned);
            using RunningDaemon daemon = RunningDaemon.Open(request.Interface, RunningDaemon.OptionsOf(
                request.Network, request.Streams, request.Superpackets, request.UdpOffloads, request.Service));
            return Serve(daemon, signals, readiness);
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            readiness.Failed(e.Message);
            return 1;
        }
    }

    private static int Serve(RunningDaemon daemon, StopSignals signals, Readiness readiness)
    {
        signals.Call(signal =>
        {
            Log.SignalReceived(daemon.Log, signal);
            daemon.RequestStop();
        });
        s_running = daemon;
        if (readiness.IsAwaited) _ = Sys.ChangeDirectory("/"); // not to keep a file system busy
        readiness.Ready();
        ServiceNotify.Ready();
        try
        {
            return daemon.Run();
        }
        finally
        {
            ServiceNotify.Stopping();
            signals.Ignore();
            s_running = null;
        }
    }

    private static Action? HangupOf(Action<string>? reload) =>
        reload is not null && Environs.Get(Environs.Config) is { } file ? new Hangups(() => reload(file)).Receive : null;

    /// <summary>Before the daemon runs there is no session to end.</summary>
    private static void TakeCloned(PosixSignalContext context)
    {
        context.Cancel = true;
        s_running?.DeclareCloned();
    }
}
