using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Commands;

/// <summary>The relay as a process: its signals, its log, its exit code: 0 when it ended as asked, 1 when it failed.</summary>
internal static class RunningRelay
{
    /// <summary>One a processor, as the daemon.</summary>
    private const int MaxLanes = 16;

    /// <param name="settings">What was asked for.</param>
    /// <param name="reread">
    /// Reads them again, at SIGHUP; gives null for mistakes, which it has said. Null where they are arguments.
    /// </param>
    public static int Run(RelaySettings settings, Func<RelaySettings?>? reread)
    {
        StderrLogger log = new("relay", StderrLogger.LevelOf(Environs.Get(Environs.LogLevel)));
        try
        {
            Sys.SetSignals();
            Sys.RaiseDescriptorLimit();
            RelayControl? running = null;
            using StopSignals signals = new(
                reread is null ? null : new Hangups(() => Reload(reread, Volatile.Read(ref running))).Receive,
                () => Volatile.Read(ref running)?.RequestReport());
            int lanes = Math.Min(Environment.ProcessorCount, MaxLanes);
            Log.RelayStarting(log, CommandLine.Version, lanes);
            using RelayControl relay = new(settings, lanes, UdpOffloads.Of(KernelRelease.Current), log);
            Volatile.Write(ref running, relay);
            signals.Call(signal =>
            {
                Log.SignalReceived(log, signal);
                relay.RequestStop();
            });
            try
            {
                return Serve(relay, log);
            }
            finally
            {
                signals.Ignore();
                Volatile.Write(ref running, null);
            }
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            Say.Error(e.Message);
            return 1;
        }
    }

    private static int Serve(RelayControl relay, ILogger log)
    {
        try
        {
            relay.Run();
            return 0;
        }
        catch (Exception e)
        {
            Log.RelayFailed(log, e);
            return 1;
        }
        finally
        {
            RelaySummary summary = relay.Summary();
            Log.RelayReport(log, summary);
        }
    }

    private static void Reload(Func<RelaySettings?> reread, RelayControl? running)
    {
        if (running is not null && reread() is { } settings)
            running.RequestChange(settings);
    }
}
