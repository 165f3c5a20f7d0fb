using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Commands;

/// <summary>The relay as a process: its signals, its log, its exit code: 0 when it ended as asked, 1 when it failed.</summary>
internal static class RunningRelay
{
    /// <summary>One a processor, as the daemon.</summary>
    private const int MaxLanes = 16;

    /// <param name="settings">What was asked for.</param>
    /// <param name="file">Of which they were read; null where they are arguments.</param>
    /// <param name="reread">
    /// Reads them again, at SIGHUP, for a process that has kept what it is given (null: everything); gives null for mistakes and
    /// for what that process cannot do, which it has said. Null where they are arguments.
    /// </param>
    public static int Run(RelaySettings settings, string? file, Func<SandboxNeeds?, RelaySettings?>? reread)
    {
        LogLevel level = StderrLogger.LevelOf(Environs.Get(Environs.LogLevel));
        StderrLogger log = new("relay", level);
        // For what was asked for by a signal.
        StderrLogger asked = new("relay", level == LogLevel.Error ? LogLevel.Information : level);
        try
        {
            Sys.SetSignals();
            Sys.RaiseDescriptorLimit();
            RelayControl? running = null;
            SandboxNeeds? kept = null; // set before `running`
            ServiceNotify.Connect();
            // No library is loaded any more once it is confined. Where it is missing, what needs it says so.
            _ = CryptoLibrary.IsAvailable(out _);
            string? unconfined = Needs.Unconfined(settings.IsSandboxed);
            SandboxNeeds needs = Needs.OfRelay(settings, file);
            bool couldBindLowPorts = (Sys.Capabilities() & (1UL << Libc.CAP_NET_BIND_SERVICE)) != 0;
            Confinement confinement = Confinement.Begin(needs, unconfined);
            using StopSignals signals = new(
                reread is null ? null : new Hangups(() => Volatile.Read(ref running)?.RequestChange(reread(kept))).Receive,
                () => Report(Volatile.Read(ref running), asked));
            // It says that this machine was cloned: there are no keys here that would have to end.
            using PosixSignalRegistration cloned =
                PosixSignalRegistration.Create((PosixSignal)Libc.SIGUSR2, context => context.Cancel = true);
            int lanes = Math.Min(Environment.ProcessorCount, MaxLanes);
            Log.RelayStarting(log, CommandLine.Version, lanes);
            // Confined already: it may look names up, on threads that live on.
            using RelayControl relay = new(settings, lanes, UdpOffloads.Of(KernelRelease.Current), log);
            SandboxReport report = confinement.Complete();
            // What it never had is not given up: the system may let it bind them all the same (ip_unprivileged_port_start).
            kept = report.IsOn ? needs with { BindsLowPorts = needs.BindsLowPorts || !couldBindLowPorts } : null;
            if (unconfined is null)
                Log.Sandbox(log, report);
            else
                Log.SandboxOff(log);
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
                Report(relay, asked);
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
    }

    private static void Report(RelayControl? relay, ILogger to)
    {
        if (relay?.Summary() is { } summary)
            Log.RelayReport(to, summary);
    }
}
