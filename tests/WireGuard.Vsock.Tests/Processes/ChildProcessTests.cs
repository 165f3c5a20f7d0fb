using System.Runtime.InteropServices;
using System.Text;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Processes;

[Collection(Alone.Name)]
public sealed partial class ChildProcessTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 200", 200)]
    [InlineData("kill -9 $$", 137)]
    [InlineData("kill -TERM $$", 143)]
    public void Its_exit_code_is_as_shells_give_it(string script, int code) => Assert.Equal(code, Shell(script).Run());

    /// <summary>.NET ignores SIGPIPE for itself: a program such as `yes | head` must not.</summary>
    [Fact]
    public void It_starts_with_no_signal_blocked_and_the_default_of_those_that_NET_ignores()
    {
        Shell($"grep -E '^Sig(Blk|Ign)' /proc/self/status >{_file}").Run();
        ulong[] sets = [.. File.ReadAllLines(_file).Select(line => Convert.ToUInt64(line.Split('\t')[1], 16))];
        Assert.Equal(2, sets.Length);
        Assert.Equal(0UL, sets[0]);
        Assert.Equal(0UL, sets[1] & (1UL << (SIGPIPE - 1) | 1UL << (SIGXFSZ - 1)));
    }

    [Fact]
    public void A_signal_that_this_process_ignores_is_ignored_there_too()
    {
        Assert.Equal(SIG_DFL, signal(SIGIO, SIG_IGN));
        try
        {
            Assert.Equal(0, Shell("kill -IO $$").Run());
        }
        finally
        {
            _ = signal(SIGIO, SIG_DFL);
        }
    }

    [Fact]
    public void Variables_are_added_and_replaced()
    {
        ChildProcess child = Shell($"tr '\\0' '\\n' </proc/self/environ >{_file}") with { Variables = ["HOME=/x", "WG_TEST=1"] };
        Assert.Equal(0, child.Run());
        string[] variables = File.ReadAllLines(_file);
        Assert.Equal("HOME=/x", Assert.Single(variables, variable => variable.StartsWith("HOME=", StringComparison.Ordinal)));
        Assert.Contains("WG_TEST=1", variables);
        Assert.Contains($"PATH={Environment.GetEnvironmentVariable("PATH")}", variables);
    }

    /// <summary>Else what a hook says would be taken for this process's word, or be refused with a warning.</summary>
    [Fact]
    public void What_the_service_manager_means_for_this_process_is_withheld()
    {
        try
        {
            _ = setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
            _ = setenv("WATCHDOG_USEC", "1", 1);
            _ = setenv("NOTIFY_SOCKETS", "kept", 1);
            Assert.Equal(0, Shell($"tr '\\0' '\\n' </proc/self/environ >{_file}").Run());
        }
        finally
        {
            _ = unsetenv("NOTIFY_SOCKET");
            _ = unsetenv("WATCHDOG_USEC");
            _ = unsetenv("NOTIFY_SOCKETS");
        }

        string[] variables = File.ReadAllLines(_file);
        Assert.Contains("NOTIFY_SOCKETS=kept", variables);
        Assert.DoesNotContain(variables, variable => variable.StartsWith("NOTIFY_SOCKET=", StringComparison.Ordinal));
        Assert.DoesNotContain(variables, variable => variable.StartsWith("WATCHDOG_USEC=", StringComparison.Ordinal));
    }

    [Fact]
    public void Arguments_keep_their_bytes()
    {
        byte[][] arguments = ["sh"u8.ToArray(), "-c"u8.ToArray(), "printf %s \"$1$2\" >\"$0\""u8.ToArray(),
            Encoding.UTF8.GetBytes(_file), [(byte)'q', 0xff, (byte)'z'], []];
        Assert.Equal(0, new ChildProcess("/bin/sh", arguments).Run());
        Assert.Equal([(byte)'q', 0xff, (byte)'z'], File.ReadAllBytes(_file));
    }

    [Fact]
    public void A_descriptor_becomes_its_standard_input()
    {
        Assert.Equal(0, Sys.Pipe(out int read, out int write));
        using FileDescriptor reading = new(read);
        using (FileDescriptor writing = new(write)) Assert.Equal(5, Sys.Write(writing.Fd, "hello"u8));
        (Shell($"cat >{_file}") with { Input = reading.Fd }).Run();
        Assert.Equal("hello", File.ReadAllText(_file));
    }

    /// <summary>A terminal is mostly open for both: who writes a log to it would read what is typed.</summary>
    [Fact]
    public void What_it_only_writes_to_it_cannot_read()
    {
        string input = Path.GetTempFileName();
        using FileDescriptor both = new(Sys.Check(Sys.Open(input, O_RDWR), "open"));
        ChildProcess child = Shell($"sed -n 's/^flags:.*\\(.\\)$/\\1/p' /proc/self/fdinfo/{both.Fd} >{_file}") with
        {
            Passed = [both.Fd],
        };
        Assert.Equal(0, child.Run());
        Assert.Equal("2\n", File.ReadAllText(_file)); // O_RDWR
        Assert.Equal(0, (child with { WritesOnly = [both.Fd] }).Run());
        Assert.Equal("1\n", File.ReadAllText(_file)); // O_WRONLY
        File.Delete(input);
    }

    [Fact]
    public void A_file_that_is_opened_once_more_to_be_written_is_appended_to()
    {
        using FileDescriptor both = new(Sys.Check(Sys.Open(_file, O_RDWR), "open"));
        Assert.Equal(6, Sys.Write(both.Fd, "first\n"u8));
        using (FileDescriptor writing = new(StandardDescriptors.OpenForWriting(both.Fd)))
        {
            Assert.Equal(7, Sys.Write(writing.Fd, "second\n"u8));
            Assert.Equal(-Errno.EBADF, Sys.Read(writing.Fd, new byte[1]));
            Assert.Equal(0, Sys.OpenFlags(writing.Fd) & O_NONBLOCK);
            Assert.True(StandardDescriptors.OpenForWriting(writing.Fd) < 0); // it is right as it is
        }

        Assert.Equal("first\nsecond\n", File.ReadAllText(_file));
    }

    [Fact]
    public void A_socket_cannot_be_opened_once_more_and_stays()
    {
        Assert.Equal(0, Sys.SocketPair(SOCK_STREAM, out int one, out int other));
        using FileDescriptor first = new(one), second = new(other);
        Assert.True(StandardDescriptors.OpenForWriting(first.Fd) < 0);
        Assert.True(StandardDescriptors.OpenForWriting(-1) < 0);
    }

    [Fact]
    public void It_can_have_a_group_or_a_session_of_its_own()
    {
        ChildProcess child = Shell($"cut -d ' ' -f 1,5,6 /proc/$$/stat >{_file}"); // its number, its group, its session
        Assert.Equal((false, false), Own(child));
        Assert.Equal((true, false), Own(child with { HasGroup = true }));
        Assert.Equal((true, true), Own(child with { HasSession = true }));
    }

    [Fact]
    public void What_cannot_be_started_is_an_errno() =>
        Assert.Equal(-Errno.ENOENT, new ChildProcess("/no/such/program", ["x"]).TryStart());

    private (bool Group, bool Session) Own(ChildProcess child)
    {
        Assert.Equal(0, child.Run());
        string[] numbers = File.ReadAllText(_file).Trim().Split(' ');
        return (numbers[1] == numbers[0], numbers[2] == numbers[0]);
    }

    private static ChildProcess Shell(string script) => new("/bin/sh", ["sh", "-c", script]);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unsetenv(string name);
}
