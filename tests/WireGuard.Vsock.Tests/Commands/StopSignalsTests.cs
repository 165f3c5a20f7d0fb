using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using WireGuard.Vsock.Commands;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Commands;

/// <summary>Signals that this process sends to itself, and catches.</summary>
[Collection(Alone.Name)]
public sealed partial class StopSignalsTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly StopSignals _signals = new();
    private readonly BlockingCollection<string> _called = [];

    public void Dispose()
    {
        _signals.Dispose();
        _called.Dispose();
    }

    /// <summary>
    /// Not SIGHUP, SIGINT and SIGQUIT, which nohup(1) and shells have background processes ignore: the end-to-end test
    /// Every_signal_that_ends_it_leaves_nothing has those.
    /// </summary>
    [Theory]
    [InlineData(SIGTERM, "SIGTERM")]
    [InlineData(SIGUSR1, "SIGUSR1")]
    [InlineData(SIGVTALRM, "SIGVTALRM")]
    [InlineData(SIGPWR, "SIGPWR")]
    public void Signal_is_told_by_its_name(int signal, string name)
    {
        _signals.Call(_called.Add);
        Raise(signal);
        Assert.Equal(name, Taken());
    }

    [Fact]
    public void Signal_that_came_before_anybody_was_to_be_called_is_told_then()
    {
        using var seen = new SeenSignal(SIGUSR1);
        Raise(SIGUSR1);
        seen.Wait();
        _signals.Call(_called.Add);
        Assert.Equal("SIGUSR1", Taken());
        Assert.Empty(_called);
    }

    [Fact]
    public void Signal_that_comes_while_the_daemon_ends_changes_nothing()
    {
        _signals.Call(_called.Add);
        _signals.Ignore();
        using var seen = new SeenSignal(SIGUSR1);
        Raise(SIGUSR1);
        seen.Wait();
        Assert.Empty(_called);
    }

    private string Taken()
    {
        Assert.True(_called.TryTake(out string? name, s_patience));
        return name;
    }

    private static void Raise(int signal) => Assert.Equal(0, kill(Environment.ProcessId, signal));

    [LibraryImport("libc")]
    private static partial int kill(int pid, int signal);

    /// <summary>Waits until the runtime tells of a signal: before that, it could end this process.</summary>
    private sealed class SeenSignal : IDisposable
    {
        private readonly int _signal;
        private readonly SemaphoreSlim _seen = new(0);
        private readonly PosixSignalRegistration _registration;

        public SeenSignal(int signal)
        {
            _signal = signal;
            _registration = PosixSignalRegistration.Create((PosixSignal)signal, context =>
            {
                context.Cancel = true;
                _seen.Release();
            });
        }

        public void Wait()
        {
            Assert.True(_seen.Wait(s_patience));
            _registration.Dispose();
        }

        public void Dispose()
        {
            _registration.Dispose();
            _seen.Dispose();
        }
    }
}
