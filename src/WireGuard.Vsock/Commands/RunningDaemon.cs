using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Sandbox;
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
    /// <summary>One in so many of the descriptors that nothing else needs yet may go to sockets that are set aside.</summary>
    private const int ReserveShare = 4;

    private readonly TunDevice _tun;
    private readonly UapiListener _uapi;
    private readonly UdpReserve? _reserve;
    private readonly Daemon _daemon;

    private RunningDaemon(TunDevice tun, UapiListener uapi, UdpReserve? reserve, Daemon daemon, ILogger log) =>
        (_tun, _uapi, _reserve, _daemon, Log) = (tun, uapi, reserve, daemon, log);

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
    /// <param name="name">The interface's.</param>
    /// <param name="options">Its options.</param>
    /// <param name="note">What each line of its log has behind the interface's name; null for nothing.</param>
    /// <param name="losesRights">Whether it will be confined, and so must set aside now what takes rights later.</param>
    /// <exception cref="SetupException">Something is missing; the message says what and how to mend it.</exception>
    /// <exception cref="LinuxException">A descriptor could not be had.</exception>
    public static RunningDaemon Open(string name, DaemonOptions options, string? note, bool losesRights)
    {
        long descriptors = Prerequisites.CheckDescriptors(options.Network, Sys.RaiseDescriptorLimit(), options.Lanes);
        // Before the first key is read, and before what allows it is given up.
        Sys.RaiseLockedMemoryLimit(Prerequisites.LockedMemory);
        Prerequisites.Check(options.Network);
        TunDevice? tun = null;
        UapiListener? uapi = null;
        UdpReserve? reserve = null;
        try
        {
            tun = OpenTun(name, options.Lanes);
            uapi = OpenUapi(tun.Name, options.Service);
            ILogger log = LogOf(tun.Name, note);
            Vsock.Log.Starting(log, CommandLine.Version, options.Network.Word);
            Vsock.Log.Opened(log, tun.QueueCount, uapi.Path);
            if (losesRights && options.Network is { IsIP: true, IsStream: false })
                reserve = UdpReserve.TryOpen(options.Network, options.Lanes, descriptors / ReserveShare);
            return new RunningDaemon(tun, uapi, reserve, new Daemon(options, tun, uapi, reserve, log), log);
        }
        catch
        {
            reserve?.Dispose();
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
            return _daemon.Run() ? 0 : 1;
        }
        catch (Exception e)
        {
            Vsock.Log.Failed(Log, e);
            return 1;
        }
    }

    /// <summary>This process is confined, or was asked not to be.</summary>
    public void Confined(SandboxReport report, bool isAskedFor)
    {
        _daemon.Confined(report);
        if (isAskedFor)
            Vsock.Log.Sandbox(Log, report);
        else
            Vsock.Log.SandboxOff(Log);
    }

    /// <summary>From any thread: it is to end.</summary>
    public void RequestStop() => _daemon.RequestStop();

    /// <summary>From any thread: this machine was cloned.</summary>
    public void DeclareCloned() => _daemon.DeclareCloned();

    /// <summary>When it has ended: removes the control socket and the interface.</summary>
    public void Dispose()
    {
        _daemon.Dispose();
        _reserve?.Dispose();
        _uapi.Dispose();
        _tun.Dispose();
    }

    /// <param name="name">The interface's.</param>
    /// <param name="note">What each line has behind that; null for nothing.</param>
    public static ILogger LogOf(string name, string? note) =>
        new StderrLogger(note is null ? name : $"{name} {note}", StderrLogger.LevelOf(Environs.Get(Environs.LogLevel)));

    private static TunDevice OpenTun(string name, int lanes) => Environs.Descriptor(Environs.TunFd) is { } fd
        ? TunOpening.FromDescriptor(fd, wantsOffloads: true)
        : TunOpening.Create(name, lanes, wantsOffloads: true);

    private static UapiListener OpenUapi(string name, ServiceOptions service) => Environs.Descriptor(Environs.UapiFd) is { } fd
        ? UapiListener.FromDescriptor(fd, name)
        : UapiListener.Open(name, service: service);
}
