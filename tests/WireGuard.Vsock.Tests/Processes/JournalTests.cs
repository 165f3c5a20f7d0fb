using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Tests.Processes;

public sealed class JournalTests : IDisposable
{
    private readonly int _read, _write;

    public JournalTests() => Sys.Check(Sys.Pipe(out _read, out _write), "pipe2");

    public void Dispose()
    {
        Sys.Close(_read);
        Sys.Close(_write);
    }

    /// <summary>A pipe is on a device without a major number, of which makedev(3) makes the minor one.</summary>
    [Fact]
    public void A_stream_is_known_by_its_device_and_inode()
    {
        Sys.Check(Sys.Stat(_write, out Libc.statx_t pipe), "statx");
        Assert.True(pipe is { stx_dev_major: 0, stx_dev_minor: < 256 });
        Assert.True(Journal.Is(_write, $"{pipe.stx_dev_minor}:{pipe.stx_ino}"));
        Assert.False(Journal.Is(_write, $"{pipe.stx_dev_minor}:{pipe.stx_ino + 1}"));
        Assert.False(Journal.Is(_write, $"{pipe.stx_dev_minor + 1}:{pipe.stx_ino}"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("8")]
    [InlineData("8:")]
    [InlineData(":")]
    public void Anything_else_is_no_stream(string? stream) => Assert.False(Journal.Is(_write, stream));

    [Fact]
    public void A_closed_descriptor_is_none() => Assert.False(Journal.Is(-1, "8:1"));
}
