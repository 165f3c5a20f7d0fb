using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// A daemon with all that is opened for it: its interface, its control socket, its log. <see cref="Open"/> makes it, and it is
/// ready then; <see cref="Run"/> is its control thread. Signals are its caller's.
/// </summary>
internal sealed class RunningDaemon : IDisposable
{
    private readonly TunDevice _tun;
    private readonly UapiListener _uapi;
    private readonly Daemon _daemon;

    private RunningDaemon(TunDevice tun, UapiListener uapi, Daemon daemon, ILogger log) =>
        (_tun, _uapi, _daemon, Log) = (tun, uapi, daemon, log);

    /// <summary>The interface's name: wg0 where wg%d was asked for.</summary>
    public string Interface => _tun.Name;

    public ILogger Log { get; }

    /// <summary>One a processor.</summary>
    private static int Lanes => Math.Min(Environment.ProcessorCount, DaemonOptions.MaxLanes);

    /// <param name="network">Under the tunnel.</param>
    /// <param name="streams">Parallel connections to a peer; null for as many as there are lanes.</param>
    /// <param name="superpackets">Whether HELLO is sent.</param>
    /// <param name="udpOffloads">Whether the kernel's UDP offloads are used.</param>
    /// <param name="service">Who may look into it.</param>
    /// <exception cref="SetupException">The environment says something that cannot be.</exception>
    public static DaemonOptions OptionsOf(
        NetworkKind network, int? streams, bool superpackets, bool udpOffloads, ServiceOptions service) => new(
        network,
        Lanes,
        streams ?? Math.Min(Lanes, DaemonOptions.MaxStreams),
        superpackets,
        udpOffloads ? UdpOffloads.Of(KernelRelease.Current) : UdpOffloads.None)
        {
            VmClock = Environs.Get(Environs.VmClock) ?? VmClock.DevicePath,
            Instance = Environs.InstanceId(),
            Service = service,
        };

    /// <summary>Checks what the daemon needs, and makes its interface and control socket, or takes those it is given.</summary>
    /// <exception cref="SetupException">Something is missing; the message says what and how to mend it.</exception>
    /// <exception cref="LinuxException">A descriptor could not be had.</exception>
    public static RunningDaemon Open(string name, DaemonOptions options)
    {
        Prerequisites.CheckDescriptors(options.Network, Sys.RaiseDescriptorLimit(), options.Lanes);
        Prerequisites.Check(options.Network);
        TunDevice? tun = null;
        UapiListener? uapi = null;
        try
        {
            tun = OpenTun(name, options.Lanes);
            uapi = OpenUapi(tun.Name, options.Service);
            StderrLogger log = new(tun.Name, StderrLogger.LevelOf(Environs.Get(Environs.LogLevel)));
            Vsock.Log.Starting(log, CommandLine.Version, options.Network.Word);
            Vsock.Log.Opened(log, tun.QueueCount, uapi.Path);
            return new RunningDaemon(tun, uapi, new Daemon(options, tun, uapi, log), log);
        }
        catch
        {
            uapi?.Dispose();
            tun?.Dispose();
            throw;
        }
    }

    /// <summary>Runs until it is asked to stop, or the interface or the control socket is removed.</summary>
    /// <returns>The exit code: 0, or 1 when it has failed, which the log says.</returns>
    public int Run()
    {
        try
        {
            _daemon.Run();
            return 0;
        }
        catch (Exception e)
        {
            Vsock.Log.Failed(Log, e);
            return 1;
        }
    }

    /// <summary>From any thread: it is to end.</summary>
    public void RequestStop() => _daemon.RequestStop();

    /// <summary>From any thread: this machine was cloned.</summary>
    public void DeclareCloned() => _daemon.DeclareCloned();

    /// <summary>When it has ended: removes the control socket and the interface.</summary>
    public void Dispose()
    {
        _daemon.Dispose();
        _uapi.Dispose();
        _tun.Dispose();
    }

    private static TunDevice OpenTun(string name, int lanes) => Environs.Descriptor(Environs.TunFd) is { } fd
        ? TunOpening.FromDescriptor(fd, wantsOffloads: true)
        : TunOpening.Create(name, lanes, wantsOffloads: true);

    private static UapiListener OpenUapi(string name, ServiceOptions service) => Environs.Descriptor(Environs.UapiFd) is { } fd
        ? UapiListener.FromDescriptor(fd, name)
        : UapiListener.Open(name, service: service);
}
