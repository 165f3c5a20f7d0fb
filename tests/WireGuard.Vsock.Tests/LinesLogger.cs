using Microsoft.Extensions.Logging;

namespace WireGuard.Vsock.Tests;

/// <summary>Keeps what is logged, a line each. Any thread may log; a test that reads meanwhile locks the lines.</summary>
internal sealed class LinesLogger : ILogger
{
    public List<string> Lines { get; } = [];

    /// <summary>Called with each line.</summary>
    public Action<string> OnLine { get; set; } = _ => { };

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        string line = formatter(state, exception);
        lock (Lines)
            Lines.Add(line);
        OnLine(line);
    }
}
