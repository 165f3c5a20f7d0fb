using System.Text;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class StderrLoggerTests : IDisposable
{
    private readonly int _read, _write;

    public StderrLoggerTests() => Sys.Check(Sys.Pipe(out _read, out _write), "pipe2");

    public void Dispose()
    {
        Sys.Close(_read);
        Sys.Close(_write);
    }

    [Theory]
    [InlineData("verbose", LogLevel.Debug)]
    [InlineData("debug", LogLevel.Debug)]
    [InlineData("error", LogLevel.Error)]
    [InlineData("silent", LogLevel.None)]
    [InlineData("loud", LogLevel.Error)]
    [InlineData(null, LogLevel.Error)]
    public void LOG_LEVEL_means_what_it_means_to_wireguard_go(string? word, LogLevel level) =>
        Assert.Equal(level, StderrLogger.LevelOf(word));

    [Fact]
    public void A_line_looks_like_wireguard_gos()
    {
        Write(LogLevel.Debug, LogLevel.Debug, "UAPI listener started");
        string line = Read();
        Assert.Matches(@"^DEBUG: \(wg0\) \d{4}/\d\d/\d\d \d\d:\d\d:\d\d UAPI listener started\n$", line);
        DateTime time = DateTime.ParseExact(line.Substring(13, 19), "yyyy/MM/dd HH:mm:ss", null);
        Assert.InRange((DateTime.Now - time).TotalSeconds, -1, 60);
    }

    [Theory]
    [InlineData(LogLevel.Debug, LogLevel.Debug, "DEBUG: ")]
    [InlineData(LogLevel.Debug, LogLevel.Warning, "DEBUG: ")]
    [InlineData(LogLevel.Debug, LogLevel.Error, "ERROR: ")]
    [InlineData(LogLevel.Error, LogLevel.Error, "ERROR: ")]
    [InlineData(LogLevel.Error, LogLevel.Debug, "")]
    [InlineData(LogLevel.None, LogLevel.Error, "")]
    [InlineData(LogLevel.None, LogLevel.None, "")]
    public void The_level_decides(LogLevel threshold, LogLevel level, string begins)
    {
        Write(threshold, level, "text");
        Sys.Write(_write, "."u8);
        string text = Read();
        if (begins.Length == 0) Assert.Equal(".", text);
        else Assert.StartsWith(begins, text);
    }

    [Theory]
    [InlineData(LogLevel.Error, "<3>(wg0) one\n<3>(wg0) two\n")]
    [InlineData(LogLevel.Warning, "<4>(wg0) one\n<4>(wg0) two\n")]
    [InlineData(LogLevel.Information, "<6>(wg0) one\n<6>(wg0) two\n")]
    [InlineData(LogLevel.Debug, "<7>(wg0) one\n<7>(wg0) two\n")]
    public void For_the_journal_each_line_has_its_level_and_no_time(LogLevel level, string lines)
    {
        new StderrLogger("wg0", LogLevel.Debug, _write, isJournal: true).Log(level, default, "one\ntwo", null, (s, _) => s);
        Assert.Equal(lines, Read());
    }

    [Fact]
    public void Several_lines_are_several_log_lines_and_long_ones_are_cut()
    {
        Write(LogLevel.Debug, LogLevel.Debug, "one\ntwo " + new string('é', 5000));
        string[] lines = Read().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.EndsWith(" one", lines[0]);
        Assert.InRange(Encoding.UTF8.GetByteCount(lines[1]), 2000, 4095);
        Assert.EndsWith("éé", lines[1]);
    }

    [Fact]
    public void An_exception_follows_the_text()
    {
        new StderrLogger("wg0", LogLevel.Error, _write)
            .Log(LogLevel.Error, default, "The daemon failed", new LinuxException("bind", Errno.EADDRINUSE), (s, _) => s);
        Assert.Contains("The daemon failed: WireGuard.Vsock.Interop.LinuxException: bind: Address already in use\n", Read());
    }

    [Fact]
    public void A_pipe_that_nobody_reads_never_stops_the_writer()
    {
        StderrLogger log = new("wg0", LogLevel.Debug, _write);
        string text = new('x', 100);
        for (int i = 0; i < 2000; i++) log.Log(LogLevel.Debug, default, text, null, (s, _) => s);
        int taken = Read().Count(c => c == '\n');
        Assert.InRange(taken, 100, 1999);
        log.Log(LogLevel.Debug, default, "again", null, (s, _) => s);
        Assert.EndsWith($"[{2000 - taken} lines dropped] again\n", Read());
    }

    private void Write(LogLevel threshold, LogLevel level, string text) =>
        new StderrLogger("wg0", threshold, _write).Log(level, default, text, null, (s, _) => s);

    private string Read()
    {
        byte[] buffer = new byte[1 << 20];
        return Encoding.UTF8.GetString(buffer, 0, Sys.Check(Sys.Read(_read, buffer), "read"));
    }
}
