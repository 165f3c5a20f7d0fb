using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Lanes;
using WireGuard.Daemon.Startup;
using WireGuard.Daemon.Transport;
using WireGuard.Daemon.Tun;
using WireGuard.Daemon.Uapi;

namespace WireGuard.Daemon;

/// <summary>
/// Arguments, signals, exit codes: 0 when the daemon ran and ended as it was told to (or is ready, in the background), 1 when it
/// could not start or failed.
/// </summary>
internal static class Program
{
    /// <summary>One a processor.</summary>
    private static int Lanes => Math.Min(Environment.ProcessorCount, Lane.MaxCount);

    private static int Main(string[] arguments) => CommandLine.Invoke(arguments, Say.Output, Say.Error, Start);

    private static int Start(CommandLine.Request request)
    {
        using Readiness readiness = new();
        bool foreground = request.Foreground || Environs.Get(Environs.Foreground) == "1" || readiness.IsAwaited;
        return foreground ? RunHere(request, readiness) : Background.Start();
    }

    private static int RunHere(CommandLine.Request request, Readiness readiness)
    {
        try
        {
            Sys.SetSignals();
            _ = Sys.RaiseDescriptorLimit();
            Prerequisites.Check(request.Network);
            using TunDevice tun = OpenTun(request.Interface);
            using UapiListener uapi = OpenUapi(tun.Name);
            StderrLogger log = new(tun.Name, StderrLogger.LevelOf(Environs.Get(Environs.LogLevel)));
            Log.Starting(log, CommandLine.Version, request.Network.Word);
            Log.Opened(log, tun.QueueCount, uapi.Path);
            using Daemon daemon = new(OptionsOf(request), tun, uapi, log);
            return Serve(daemon, readiness, log);
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            readiness.Failed(e.Message);
            return 1;
        }
    }

    private static int Serve(Daemon daemon, Readiness readiness, ILogger log)
    {
        using PosixSignalRegistration terminate = StopOn(PosixSignal.SIGTERM, daemon, log);
        using PosixSignalRegistration interrupt = StopOn(PosixSignal.SIGINT, daemon, log);
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
    }

    private static DaemonOptions OptionsOf(CommandLine.Request request) => new(
        request.Network,
        Lanes,
        request.Streams ?? Math.Min(Lanes, DaemonOptions.MaxStreams),
        request.Superpackets,
        request.UdpOffloads ? UdpOffloads.Of(KernelRelease.Current) : UdpOffloads.None);

    private static TunDevice OpenTun(string name) => Environs.Descriptor(Environs.TunFd) is { } fd
        ? TunOpening.FromDescriptor(fd, wantsOffloads: true)
        : TunOpening.Create(name, Lanes, wantsOffloads: true);

    private static UapiListener OpenUapi(string name) => Environs.Descriptor(Environs.UapiFd) is { } fd
        ? UapiListener.FromDescriptor(fd, name)
        : UapiListener.Open(name);

    private static PosixSignalRegistration StopOn(PosixSignal signal, Daemon daemon, ILogger log) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            Log.SignalReceived(log, signal);
            daemon.RequestStop();
        });
}
