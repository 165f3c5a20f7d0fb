using System.Globalization;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// What a daemon tells the service manager while it runs: how its peers are, and that it is alive. That it does on the control
/// thread, whose own life it shows thereby, and only while every lane takes its turns. Whether peers answer is no matter of a
/// watchdog: starting anew would not bring them back. Control only.
/// </summary>
internal sealed class ServiceReport
{
    private const int StatusMs = 5_000;

    private readonly EventLoop _loop;
    private readonly Configurator _configurator;
    private readonly LaneWatch _lanes;
    private readonly ILogger _log;
    private readonly Deadline _status;
    private readonly Deadline _watchdog;

    public ServiceReport(EventLoop loop, Configurator configurator, LaneWatch lanes, ILogger log)
    {
        (_loop, _configurator, _lanes, _log) = (loop, configurator, lanes, log);
        _status = new Deadline(TellStatus);
        _watchdog = new Deadline(FeedWatchdog);
    }

    /// <summary>Begins, if there is a service manager.</summary>
    public void Start()
    {
        if (ServiceNotify.IsHeard)
            TellStatus();
        if (ServiceNotify.WatchdogMs is not null)
            FeedWatchdog();
    }

    /// <param name="isUp">Whether the link is.</param>
    /// <param name="summary">Of the peers.</param>
    /// <param name="nowSeconds">Unix time.</param>
    /// <param name="notes">Of provisioning; null for none.</param>
    internal static string TextOf(
        bool isUp, (int Peers, int WithSession, long NewestHandshake) summary, long nowSeconds, DeviceNotes? notes = null)
    {
        (int peers, int withSession, long newest) = summary;
        string text = peers switch
        {
            0 when notes?.ProvisionPort is { } port => string.Create(
                CultureInfo.InvariantCulture, $"Waiting for a verifier on port {port}"),
            0 => "No peers",
            _ when newest == 0 => string.Create(CultureInfo.InvariantCulture, $"{peers} {Peers(peers)}, no handshake yet"),
            _ => string.Create(
                CultureInfo.InvariantCulture,
                $"{withSession} of {peers} {Peers(peers)} {(withSession == 1 ? "has" : "have")} a session, "
                + $"newest handshake {Math.Max(0, nowSeconds - newest)} s ago"),
        };
        if (notes?.Awaited is { Count: > 0 } awaited)
            text = string.Create(CultureInfo.InvariantCulture, $"{text}; {awaited.Count} more to be attested");
        return isUp ? text : $"Interface is down; {text}";
    }

    private static string Peers(int count) => count == 1 ? "peer" : "peers";

    private void TellStatus()
    {
        Sys.RealTime(out long seconds, out _);
        ServiceNotify.Status(TextOf(_configurator.IsUp, _configurator.Summary(), seconds, _configurator.Notes));
        _loop.Schedule(_status, _loop.NowMs + StatusMs);
    }

    private void FeedWatchdog()
    {
        if (_lanes.FindStuck() is { } lane)
            Log.LaneStuck(_log, lane);
        else
            ServiceNotify.Watchdog();
        _loop.Schedule(_watchdog, _loop.NowMs + ServiceNotify.WatchdogMs!.Value);
    }
}
