using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// The daemon of one interface, as a process: its signals, its exit code: 0 when it ended as asked (or is ready, in the
/// background), 1 when it failed.
/// </summary>
internal static class DaemonCommand
{
    private static volatile RunningDaemon? s_running; // set by the main thread, read by the runtime's for signals

    public static int Run(CommandLine.Request request)
    {
        using Readiness readiness = new(Environs.Get(Environs.ReadyFd), Environs.Get(Environs.LockFd));
        bool foreground = request.Foreground || Environs.Get(Environs.Foreground) == "1" || readiness.IsAwaited;
        return foreground ? RunHere(request, readiness) : Background.Start();
    }

    private static int RunHere(CommandLine.Request request, Readiness readiness)
    {
        try
        {
            Sys.SetSignals();
            _ = UapiListener.MakeFolders(); // the sandbox leaves what is there; what went wrong is said when it is opened
            ServiceNotify.Connect();
            string? unconfined = Needs.Unconfined(request.Service.Sandbox != false);
            Confinement confinement = Confinement.Begin(
                Needs.OfDaemon(request.Network, request.Service, BindsLowPorts(request.Network)), unconfined);
            // Before anything is made that must be removed in the end.
            // They are caught until the process is gone: its supervisor sends one when the control socket is, to be sure, and a
            // daemon that this killed on its way out would count as one that failed.
            StopSignals signals = new(HangupOf(Environs.InstanceId()));
            using PosixSignalRegistration cloned = PosixSignalRegistration.Create((PosixSignal)Libc.SIGUSR2, TakeCloned);
            DaemonOptions options = RunningDaemon.OptionsOf(
                request.Network, request.Streams, request.Superpackets, request.UdpOffloads, request.Service);
            using RunningDaemon daemon = confinement.Open(
                () => RunningDaemon.Open(request.Interface, options, Environs.Get(Environs.LogNote), confinement.TakesRights));
            if (readiness.IsAwaited) _ = Sys.ChangeDirectory("/"); // not to keep a file system busy
            daemon.Confined(confinement.Complete(), isAskedFor: unconfined is null);
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
            if (!Supervisor.IsThere)
                daemon.RequestStop();
        });
        s_running = daemon;
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

    /// <summary>
    /// What SIGHUP does to a daemon that `up` has left running: it has neither the file nor the rights to take it up, so it says
    /// what does. Any other ends.
    /// </summary>
    private static Action? HangupOf(string? instance)
    {
        if (instance is null || Supervisor.Socket is not null)
            return null;
        return () =>
        {
            if (s_running is { } daemon)
                Log.HangupIgnored(daemon.Log, $"{Say.ProgramName} reload {daemon.Interface}");
        };
    }

    /// <summary>
    /// One that no `up` has started may be given a low port at any time, as wireguard-go may; `up` knows its file's. Over vsock
    /// none is kept for what may come.
    /// </summary>
    private static bool BindsLowPorts(NetworkKind network) =>
        Environs.Get(Environs.LowPorts) == "1" || (Environs.Get(Environs.Instance) is null && network.IsIP);

    /// <summary>Before the daemon runs there is no session to end.</summary>
    private static void TakeCloned(PosixSignalContext context)
    {
        context.Cancel = true;
        s_running?.DeclareCloned();
    }
}
