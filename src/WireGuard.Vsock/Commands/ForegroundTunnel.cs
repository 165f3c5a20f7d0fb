using System.Runtime.InteropServices;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// A tunnel that lasts as long as this process: <c>up -f FILE</c>, and <c>up FILE -- COMMAND</c>. The daemon is a thread. The
/// main thread waits for a signal, for the command, or for the daemon's end, and then takes the tunnel down.
/// </summary>
internal sealed class ForegroundTunnel(TunnelArguments arguments, ConfigFile file, TunnelSettings settings)
{
    private volatile DaemonThread? _daemon; // set by the main thread, read by the runtime's for signals
    private volatile bool _hasEnded;        // set by the daemon's thread

    private string Name => file.InterfaceName;

    /// <summary>With a command. Gives its exit code; 1 if it was not started.</summary>
    public int RunCommand()
    {
        using CommandProcess command = new(arguments.Command);
        TunnelState state;
        try
        {
            state = BringUp(command.Terminate, () => StopIf(command.Interruption.IsCancellationRequested), output: 2);
        }
        catch (SetupException e) when (command.StopSignal != 0)
        {
            Say.Error(e.Message);
            return command.Wait();
        }

        try
        {
            command.Start();
            ServiceNotify.Ready();
            return command.Wait();
        }
        finally
        {
            End(state);
        }
    }

    /// <summary>Without one. Gives 0, or 1 when the daemon has failed.</summary>
    public int Run()
    {
        using ManualResetEventSlim isToEnd = new();
        using StopSignals signals = new(new Hangups(() => ReloadCommand.OnHangup(file.Path)).Receive);
        using PosixSignalRegistration cloned = PosixSignalRegistration.Create((PosixSignal)Libc.SIGUSR2, context =>
        {
            context.Cancel = true;
            _daemon?.DeclareCloned();
        });
        signals.Call(_ => isToEnd.Set());
        TunnelState state = BringUp(isToEnd.Set, () => StopIf(isToEnd.IsSet), output: 1);
        ServiceNotify.Ready();
        isToEnd.Wait();
        int code = End(state);
        signals.Ignore();
        return code;
    }

    private void StopIf(bool isAsked)
    {
        if (_hasEnded)
            throw new SetupException($"the interface {Name} was deleted, or its daemon failed, before the tunnel was up");
        if (isAsked)
            throw new SetupException("it was asked to end before the tunnel was up: what was done is undone");
    }

    private TunnelState BringUp(Action onEnded, Action stopIfAsked, int output)
    {
        void OnEnded()
        {
            _hasEnded = true;
            onEnded();
        }

        try
        {
            using BringUp up = new(file, settings, stopIfAsked);
            DaemonOptions options = UpCommand.OptionsOf(settings.Interface, arguments.Service);
            TunnelState state = up.Run((_, instance) => _daemon = DaemonThread.Start(
                RunningDaemon.Open(Name, options with { Instance = instance }), OnEnded));
            if (up.Generated is { } key)
                TunnelFile.SayGenerated(key, output);
            UpCommand.Wait(arguments, settings, state, stopIfAsked);
            return state;
        }
        catch
        {
            _daemon?.Stop();
            throw;
        }
        finally
        {
            settings.Dispose(); // the tunnel may last for months, and needs its keys no more
        }
    }

    /// <summary>Takes the tunnel down. What cannot be undone is said, and the daemon ends all the same.</summary>
    /// <returns>0, or 1 if something could not be undone, or the daemon has failed.</returns>
    private int End(TunnelState state)
    {
        ServiceNotify.Stopping();
        bool isDown = TakeDown.TryRun(state);
        return _daemon!.Stop() == 0 && isDown ? 0 : 1;
    }
}
