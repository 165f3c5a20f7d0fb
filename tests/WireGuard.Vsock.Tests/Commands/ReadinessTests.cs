using System.Globalization;
using System.Text;
using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class ReadinessTests : IDisposable
{
    private readonly FileDescriptor _reading;
    private readonly Readiness _readiness;

    public ReadinessTests()
    {
        Sys.Check(Sys.Pipe(out int read, out int write), "pipe2");
        _reading = new FileDescriptor(read);
        _readiness = new Readiness(write.ToString(CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        _readiness.Dispose();
        _reading.Dispose();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("x")]
    [InlineData("-1")]
    public void Without_a_pipe_nobody_waits(string? pipe)
    {
        using var readiness = new Readiness(pipe);
        Assert.False(readiness.IsAwaited);
        readiness.Ready();
    }

    [Fact]
    public void Ready_is_one_line_and_the_pipes_end()
    {
        Assert.True(_readiness.IsAwaited);
        _readiness.Ready();
        Assert.Equal("ready\n", ReadAll());
    }

    [Fact]
    public void Failure_is_one_line_whatever_it_says()
    {
        _readiness.Failed("no\nsuch\r\nthing");
        Assert.Equal("no such thing\n", ReadAll());
    }

    [Fact]
    public void Process_that_ends_before_it_is_ready_says_nothing()
    {
        _readiness.Dispose();
        Assert.Equal("", ReadAll());
    }

    /// <summary>All until the end, which is there at once: the last who could write has closed.</summary>
    private string ReadAll()
    {
        byte[] bytes = new byte[100];
        int length = 0, n;
        while ((n = Sys.Read(_reading.Fd, bytes.AsSpan(length))) > 0)
            length += n;
        Assert.Equal(0, n);
        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}
