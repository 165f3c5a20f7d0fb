using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Writes the log to stderr, in wireguard-go's form: <c>DEBUG: (wg0) 2026/11/23 05:11:18 text</c>; where that is the journal, as
/// <c>&lt;7&gt;(wg0) text</c>. A line is one write(2) of at most PIPE_BUF bytes, so lines of several threads never mix. A line
/// that would block is dropped and counted: a log must never stop a tunnel. Any thread may use it.
/// </summary>
/// <param name="interfaceName">Stands in each line.</param>
/// <param name="threshold">The lowest level that is written.</param>
/// <param name="fd">Where to; a test names another.</param>
/// <param name="isJournal">Whether that is the journal; null to find out.</param>
internal sealed unsafe class StderrLogger(string interfaceName, LogLevel threshold, int fd = 2, bool? isJournal = null) : ILogger
{
    private const int MaxLine = 4096; // PIPE_BUF, include/uapi/linux/limits.h

    private readonly byte[] _tag = Encoding.UTF8.GetBytes($"({interfaceName}) ");
    private readonly bool _isJournal = isJournal ?? (fd == 2 && Journal.IsStderr);
    private long _dropped; // interlocked

    /// <summary>LOG_LEVEL as in wireguard-go: verbose or debug, silent, and error for everything else.</summary>
    public static LogLevel LevelOf(string? word) => word switch
    {
        "verbose" or "debug" => LogLevel.Debug,
        "silent" => LogLevel.None,
        _ => LogLevel.Error,
    };

    public bool IsEnabled(LogLevel logLevel) => logLevel >= threshold && logLevel != LogLevel.None;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel)) return;
        string text = formatter(state, exception);
        if (exception != null) text += $": {exception}";
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines()) WriteLine(logLevel, line);
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    private void WriteLine(LogLevel level, ReadOnlySpan<char> text)
    {
        if (!Sys.IsWritable(fd))
        {
            Interlocked.Increment(ref _dropped);
            return;
        }
        byte* buffer = stackalloc byte[MaxLine];
        Span<byte> rest = new(buffer, MaxLine - 1);
        rest = Append(rest, _isJournal ? PriorityOf(level) : level >= LogLevel.Error ? "ERROR: "u8 : "DEBUG: "u8);
        rest = Append(rest, _tag);
        if (!_isJournal) rest = AppendTime(rest);
        long dropped = Interlocked.Exchange(ref _dropped, 0);
        if (dropped > 0 && Utf8.TryWrite(rest, $"[{dropped} lines dropped] ", out int noted)) rest = rest[noted..];
        // A line too long is truncated, at worst within a character.
        _ = Encoding.UTF8.TryGetBytes(text[..Math.Min(text.Length, rest.Length / 3)], rest, out int written);
        int length = MaxLine - 1 - rest.Length + written;
        buffer[length] = (byte)'\n';
        _ = Sys.Write(fd, buffer, (nuint)length + 1);
    }

    /// <summary>syslog(3)'s number of the level.</summary>
    private static ReadOnlySpan<byte> PriorityOf(LogLevel level) => level switch
    {
        >= LogLevel.Error => "<3>"u8,
        LogLevel.Warning => "<4>"u8,
        LogLevel.Information => "<6>"u8,
        _ => "<7>"u8,
    };

    private static Span<byte> Append(Span<byte> target, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(target);
        return target[bytes.Length..];
    }

    /// <summary>Local time by the C library, which needs no time zone database of .NET.</summary>
    private static Span<byte> AppendTime(Span<byte> target)
    {
        Sys.RealTime(out long seconds, out _);
        tm t;
        if (localtime_r(&seconds, &t) == null) return target;
        _ = Utf8.TryWrite(
            target,
            CultureInfo.InvariantCulture,
            $"{t.tm_year + 1900:d4}/{t.tm_mon + 1:d2}/{t.tm_mday:d2} {t.tm_hour:d2}:{t.tm_min:d2}:{t.tm_sec:d2} ",
            out int n);
        return target[n..];
    }
}
