using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// The daemon of one interface: what is checked and opened before it runs, its signals, its exit code: 0 when it ended as
/// asked (or is ready, in the background), 1 when it failed.
/// </summary>
internal static class DaemonCommand
{
    private static volatile Daemon? s_running; // set by the main thread, read by the runtime's for signals

    /// <summary>One a processor.</summary>
    private static int Lanes => Math.Min(Environment.ProcessorCount, DaemonOptions.MaxLanes);

    public static int Run(CommandLine.Request request)
    {
        using Readiness readiness = new(Environs.Get(Environs.ReadyFd));
        bool foreground = request.Foreground || Environs.Get(Environs.Foreground) == "1" || readiness.IsAwaited;
        return foreground ? RunHere(request, readiness) : Background.Start();
    }

    private static int RunHere(CommandLine.Request request, Readiness readiness)
    {
        try
        {
            Sys.SetSignals();
            Prerequisites.CheckDescriptors(request.Network, Sys.RaiseDescriptorLimit(), Lanes);
            Prerequisites.Check(request.Network);
            // Before anything is made that must be removed in the end.
            using StopSignals signals = new();
            using PosixSignalRegistration cloned = PosixSignalRegistration.Create((PosixSignal)Libc.SIGUSR2, TakeCloned);
            using TunDevice tun = OpenTun(request.Interface);
            using UapiListener uapi = OpenUapi(tun.Name);
            StderrLogger log = new(tun.Name, StderrLogger.LevelOf(Environs.Get(Environs.LogLevel)));
            Log.Starting(log, CommandLine.Version, request.Network.Word);
            Log.Opened(log, tun.QueueCount, uapi.Path);
            using Daemon daemon = new(OptionsOf(request), tun, uapi, log);
            return Serve(daemon, signals, readiness, log);
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            readiness.Failed(e.Message);
            return 1;
        }
    }

    private static int Serve(Daemon daemon, StopSignals signals, Readiness readiness, ILogger log)
    {
        signals.Call(signal =>
        {
            Log.SignalReceived(log, signal);
            daemon.RequestStop();
        });
        s_running = daemon;
        if (readiness.IsAwaited) _ = Sys.ChangeDirectory("/"); // not to keep a file system busy
        readiness.Ready();
        try
        {
            daemon.Run();
            return 0;
        }
        catch (Exception e)
        {
            Log.Failed(log, e);
            return 1;
        }
        finally
        {
            signals.Ignore();
            s_running = null;
        }
    }

    /// <summary>Before the daemon runs there is no session to end.</summary>
    private static void TakeCloned(PosixSignalContext context)
    {
        context.Cancel = true;
        s_running?.DeclareCloned();
    }

    private static DaemonOptions OptionsOf(CommandLine.Request request) => new(
        request.Network,
        Lanes,
        request.Streams ?? Math.Min(Lanes, DaemonOptions.MaxStreams),
        request.Superpackets,
        request.UdpOffloads ? UdpOffloads.Of(KernelRelease.Current) : UdpOffloads.None)
    {
        VmClock = Environs.Get(Environs.VmClock) ?? VmClock.DevicePath,
    };

    private static TunDevice OpenTun(string name) => Environs.Descriptor(Environs.TunFd) is { } fd
        ? TunOpening.FromDescriptor(fd, wantsOffloads: true)
        : TunOpening.Create(name, Lanes, wantsOffloads: true);

    private static UapiListener OpenUapi(string name) => Environs.Descriptor(Environs.UapiFd) is { } fd
        ? UapiListener.FromDescriptor(fd, name)
        : UapiListener.Open(name);
}
