using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Processes;

/// <summary>Signals that this process sends to itself, and passes on.</summary>
[Collection(Alone.Name)]
public sealed class CommandProcessTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 42", 42)]
    [InlineData("kill -9 $$", 137)]
    public void Its_exit_code_is_the_commands(string script, int code)
    {
        using CommandProcess command = Shell(script);
        command.Start();
        Assert.Equal(code, command.Wait());
        Assert.Equal("sh", CommandProcess.Ended);
    }

    /// <summary>Not SIGHUP, SIGINT and SIGQUIT, which whoever runs the tests may ignore.</summary>
    [Theory]
    [InlineData(SIGTERM, "TERM")]
    [InlineData(SIGUSR1, "USR1")]
    [InlineData(SIGUSR2, "USR2")]
    [InlineData(SIGWINCH, "WINCH")]
    [InlineData(SIGPROF, "PROF")]
    [InlineData(FirstRealTime, "35")]
    [InlineData(FirstRealTime + 2, "37")] // SIGRTMIN+3, with which systemd stops a container
    [InlineData(LastRealTime, "64")]
    public void Signals_are_passed_on(int signal, string name)
    {
        using CommandProcess command = Shell($"sleep 1000 & trap \"kill $!; exit 9\" {name}; echo ready >{_file}; wait");
        command.Start();
        WaitForFile();
        _ = Sys.Kill(Environment.ProcessId, signal);
        Assert.Equal(9, command.Wait());
    }

    [Fact]
    public void What_a_terminal_sends_goes_to_all_of_its_group()
    {
        using CommandProcess command = Shell($"(sleep 30 & trap \"kill $!; exit 9\" CONT; echo ready >{_file}; wait); exit $?");
        command.Start();
        WaitForFile();
        _ = Sys.Kill(Environment.ProcessId, SIGCONT);
        Assert.Equal(9, command.Wait());
    }

    [Fact]
    public void It_has_a_process_group_of_its_own()
    {
        using CommandProcess command = Shell($"cut -d ' ' -f 1,5 /proc/$$/stat >{_file}");
        command.Start();
        command.Wait();
        string[] numbers = File.ReadAllText(_file).Trim().Split(' ');
        Assert.Equal(numbers[0], numbers[1]);
    }

    [Fact]
    public void A_signal_to_end_before_the_start_prevents_it()
    {
        using CommandProcess command = Shell($"echo started >{_file}");
        _ = Sys.Kill(Environment.ProcessId, SIGTERM);
        Assert.True(command.Interruption.WaitHandle.WaitOne(30_000));
        command.Start();
        Assert.Equal(128 + SIGTERM, command.Wait());
        Assert.Equal("", File.ReadAllText(_file));
    }

    [Fact]
    public void A_tunnel_that_fails_before_the_start_prevents_it_and_that_is_no_signals_code()
    {
        using CommandProcess command = Shell($"echo started >{_file}");
        command.Terminate();
        Assert.True(command.Interruption.WaitHandle.WaitOne(30_000));
        command.Start();
        Assert.Equal((0, 1), (command.StopSignal, command.Wait()));
        Assert.Equal("", File.ReadAllText(_file));
    }

    [Fact]
    public void A_tunnel_that_fails_ends_it_even_if_it_is_stopped()
    {
        using CommandProcess command = Shell($"echo $$ >{_file}; kill -STOP $$; exec sleep 1000");
        command.Start();
        WaitForFile();
        string status = $"/proc/{File.ReadAllText(_file).Trim()}/stat";
        Assert.True(SpinWait.SpinUntil(() => File.ReadAllText(status).Contains(") T ", StringComparison.Ordinal), 30_000));
        command.Terminate();
        Assert.Equal(128 + SIGTERM, command.Wait());
        command.Terminate();
    }

    [Fact]
    public void What_cannot_be_executed_is_told_when_it_is_started()
    {
        File.WriteAllText(_file, "#!/no/such/interpreter\n");
        File.SetUnixFileMode(_file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using CommandProcess command = new([_file]);
        SetupException e = Assert.Throws<SetupException>(command.Start);
        Assert.Equal((127, $"cannot run '{_file}': No such file or directory"), (e.ExitCode, e.Message));
    }

    [Fact]
    public void A_script_without_an_interpreter_is_the_shells()
    {
        File.WriteAllText(_file, "exit $1\n");
        File.SetUnixFileMode(_file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using CommandProcess command = new([_file, "7"]);
        command.Start();
        Assert.Equal(7, command.Wait());
    }

    private void WaitForFile() => Assert.True(SpinWait.SpinUntil(() => new FileInfo(_file).Length > 0, 30_000));

    private static CommandProcess Shell(string script) => new(["sh", "-c", script]);
}
