using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Processes;

/// <summary>A shell stands for another process of this program.</summary>
[Collection(Alone.Name)]
public sealed class SubprocessTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Messages_go_both_ways_and_its_end_is_the_sockets()
    {
        using Subprocess cat = Subprocess.Start(new ChildProcess("/bin/bash", ["bash", "-c", """
            fd=$WG_VSOCK_SUPERVISOR_FD
            until [ -n "$message" ]; do message=$(cat <&$fd 2>/dev/null); done
            printf %s "$message" >&$fd
            exec sleep 1000
            """]));
        Assert.Equal(5, Sys.Send(cat.Socket.Fd, "hello"u8, MSG_NOSIGNAL));
        Assert.Equal("hello"u8, Received(cat));
        cat.Signal(SIGKILL);
        Assert.Empty(Received(cat));
        Assert.Equal(SIGKILL, cat.End());
    }

    [Fact]
    public void It_knows_its_supervisor_and_has_a_session_of_its_own()
    {
        using Subprocess shell = Start(
            $"cut -d ' ' -f 1,6 /proc/$$/stat >{_file}; echo $WG_VSOCK_SUPERVISOR $PPID >>{_file}; exit 3");
        Assert.Empty(Received(shell));
        Assert.Equal(0x300, shell.End());
        string[] lines = File.ReadAllLines(_file);
        Assert.All(lines, line => Assert.Single(line.Split(' ').Distinct()));
        Assert.Equal($"{Environment.ProcessId} {Environment.ProcessId}", lines[1]);
    }

    [Fact]
    public void It_inherits_what_is_meant_for_it_and_nothing_else()
    {
        Sys.Check(Sys.Pipe(out int read, out int write), "pipe2");
        using FileDescriptor passed = new(read), withheld = new(write);
        _ = Sys.SetCloseOnExec(write, false);
        ChildProcess program = new("/bin/sh", ["sh", "-c", $"ls /proc/$$/fd >{_file}; echo $WG_VSOCK_SUPERVISOR_FD >>{_file}"])
        {
            Passed = [read, 1000],
        };
        using Subprocess shell = Subprocess.Start(program);
        Assert.Empty(Received(shell));
        string[] lines = File.ReadAllLines(_file);
        string fd = lines[^1];
        Assert.Equal(["0", "1", "2", $"{read}", fd], lines[..^1].Except(["10"]).OrderBy(int.Parse));
    }

    [Fact]
    public void What_ignores_SIGTERM_or_is_stopped_ends_all_the_same()
    {
        using Subprocess stopped = Start($"echo >{_file}; kill -STOP $$; exec sleep 1000");
        Assert.True(SpinWait.SpinUntil(() => new FileInfo(_file).Length > 0, 30_000));
        Assert.Equal(SIGTERM, stopped.End());
        Assert.Equal(SIGTERM, stopped.End());
        stopped.Signal(SIGKILL); // of a process that has ended: nothing
    }

    /// <summary>What the reaper of a command takes is not lost.</summary>
    [Fact]
    public void Its_status_is_told_though_another_has_reaped_it()
    {
        using Subprocess shell = Start("exit 7");
        using CommandProcess command = new(["sh", "-c", "sleep 1; exit 4"]);
        command.Start();
        Assert.Equal(4, command.Wait());
        Assert.Equal(0x700, shell.End());
    }

    private static byte[] Received(Subprocess from)
    {
        byte[] buffer = new byte[100];
        Assert.True(Sys.Poll(from.Socket.Fd, POLLIN, 30_000) > 0);
        return buffer[..Sys.Check(Sys.Recv(from.Socket.Fd, buffer, 0), "recv")];
    }

    private static Subprocess Start(string script) => Subprocess.Start(new ChildProcess("/bin/sh", ["sh", "-c", script]));
}
