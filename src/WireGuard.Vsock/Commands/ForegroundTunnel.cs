using System.Runtime.InteropServices;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Tunnels;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// A tunnel that lasts as long as this process: <c>up -f FILE</c>, and <c>up FILE -- COMMAND</c>. The daemon is another process
/// (<see cref="DaemonProcess"/>), and where it learns peers, provisioning is a thread. The main thread waits for a signal, for
/// the command, or for the daemon's end, and then takes the tunnel down.
/// </summary>
internal sealed class ForegroundTunnel(TunnelArguments arguments, ConfigFile file, TunnelSettings settings)
{
    private const string Unattested = "(unattested)"; // in each line of a prover's log that shows no document

    private volatile DaemonProcess? _daemon; // set by the main thread, read by the runtime's for signals
    private volatile bool _hasEnded;         // set by the thread that follows the daemon, or that of provisioning
    private volatile bool _hasFailed;        // set by that of provisioning
    private ProvisioningThread? _provisioning; // the main thread's

    private string Name => file.InterfaceName;

    /// <summary>With a command. Gives its exit code; 1 if it was not started.</summary>
    public int RunCommand()
    {
        using CommandProcess command = new(arguments.Command);
        TunnelState state;
        try
        {
            state = BringUp(
                command.Terminate, () => StopIf(command.Interruption.IsCancellationRequested), output: 2, keepsOutput: true);
            WaitForVerifier(state, command.Interruption);
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

    /// <summary>Without one. Gives 0, or 1 when the daemon or provisioning has failed.</summary>
    /// <param name="readiness">Who waits for it, where it is to be in the background.</param>
    public int Run(Readiness readiness)
    {
        using ManualResetEventSlim isToEnd = new();
        using StopSignals signals = new(new Hangups(() => ReloadCommand.OnHangup(file.Path)).Receive);
        using PosixSignalRegistration cloned = PosixSignalRegistration.Create((PosixSignal)Libc.SIGUSR2, context =>
        {
            context.Cancel = true;
            _daemon?.DeclareCloned();
        });
        signals.Call(_ => isToEnd.Set());
        TunnelState state = BringUp(
            isToEnd.Set, () => StopIf(isToEnd.IsSet || readiness.IsAbandoned), output: 1, keepsOutput: !readiness.IsAwaited);
        try
        {
            if (readiness.IsAwaited)
                SayUnlearned();
            readiness.TunnelIsUp();
        }
        catch (SetupException)
        {
            End(state);
            throw;
        }

        ServiceNotify.Ready();
        isToEnd.Wait();
        int code = End(state);
        signals.Ignore();
        return code;
    }

    /// <summary>The command that waits returns without the peers whose keys are not learned yet.</summary>
    private void SayUnlearned()
    {
        try
        {
            using UapiClient daemon = UapiClient.Connect(Name);
            DeviceStatus? status = daemon.TryStatus();
            foreach (PeerSettings section in settings.Peers)
            {
                if (section.Attest is { } asked && status is not null && LearnedSettings.PeerOf(asked, status.Peers) is null)
                    Say.Error($"{asked.Address} is not attested yet: {Say.ProgramName} show {Name} tells");
            }
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            // It is a hint: `show` tells the same.
        }
    }

    private void StopIf(bool isAsked)
    {
        if (_hasEnded)
            throw new SetupException($"the interface {Name} was deleted, or its daemon failed, before the tunnel was up");
        if (isAsked)
            throw new SetupException("it was asked to end before the tunnel was up: what was done is undone");
    }

    private TunnelState BringUp(Action onEnded, Action stopIfAsked, int output, bool keepsOutput)
    {
        void OnEnded()
        {
            _hasEnded = true;
            onEnded();
        }

        bool learns = settings.LearnsPeers(), isUp = false;
        TunnelState? made = null;
        TunnelState? begun = null; // with a daemon
        string? note = settings.Interface.Provision is { Kind: ProvisionKind.Unattested } ? Unattested : null;
        Say.Note = note ?? "";
        void OnFailed()
        {
            _hasFailed = true;
            OnEnded();
        }

        try
        {
            if (settings.Interface.Provision is { Kind: ProvisionKind.Nitro } && NitroSecureModule.Problem() is { } problem)
                throw new SetupException(problem);
            using BringUp up = new(file, settings, stopIfAsked);
            made = up.Run((held, state) =>
            {
                _daemon = DaemonProcess.Start(
                    UpCommand.DaemonLine(Name, settings.Interface, arguments.Service),
                    [
                        .. UpCommand.DaemonVariables(
                            held, state.Instance, Needs.LowPortsIn(settings.Interface, arguments.Service)),
                        $"{Environs.LogNote}={note}",
                    ],
                    held.Fd,
                    keepsOutput,
                    OnEnded);
                begun = state;
            });
            if (up.Generated is { } key)
                TunnelFile.SayGenerated(key, output);
            if (learns)
            {
                _provisioning = ProvisioningThread.Start(
                    Name,
                    made.Instance,
                    file,
                    settings,
                    arguments.Service.Or(settings.Interface.Service).Sandbox != false,
                    RunningDaemon.LogOf(Name, note),
                    OnFailed,
                    stopIfAsked);
                stopIfAsked();
            }

            if (arguments.WaitSeconds is { } seconds)
                Waiting.Run(Name, settings, seconds, stopIfAsked);
            isUp = true;
            return made;
        }
        finally
        {
            if (!isUp)
            {
                _provisioning?.Dispose(); // first: it changes a tunnel that is up
                bool isDown = made is not null && TakeDown.TryRun(made);
                _daemon?.Stop();
                UndoWhatIsLeft(isDown ? null : begun);
            }

            // The tunnel may last for months, and needs its keys no more, unless it learns peers.
            if (_provisioning is null)
                settings.Dispose();
        }
    }

    /// <summary>The command of a prover starts once a verifier was taken.</summary>
    private void WaitForVerifier(TunnelState state, CancellationToken interruption)
    {
        if (settings.Interface.Provision is null)
            return;
        try
        {
            _provisioning!.HasTaken.Wait(interruption);
        }
        catch (OperationCanceledException)
        {
            End(state);
            StopIf(isAsked: true);
        }
    }

    /// <summary>Takes the tunnel down. What cannot be undone is said, and the daemon ends all the same.</summary>
    /// <returns>0, or 1 if something could not be undone, or the daemon or provisioning has failed.</returns>
    private int End(TunnelState state)
    {
        ServiceNotify.Stopping();
        _provisioning?.Dispose();
        bool isDown = TakeDown.TryRun(state);
        int code = _daemon!.Stop();
        UndoWhatIsLeft(isDown ? null : state);
        return code == 0 && isDown && !_hasFailed ? 0 : 1;
    }

    /// <summary>
    /// While a daemon does not answer, it is not known whose the interface is, and nothing was undone. It has ended now, and
    /// what its tunnel has left is undone.
    /// </summary>
    private static void UndoWhatIsLeft(TunnelState? state) => _ = state is null || TakeDown.TryRun(state);
}
