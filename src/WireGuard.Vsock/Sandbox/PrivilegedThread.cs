using System.Runtime.ExceptionServices;

namespace WireGuard.Vsock.Sandbox;

/// <summary>
/// A thread that was started before its process gave its rights up, and does what takes them. When it has ended, no thread has
/// them.
/// </summary>
internal sealed class PrivilegedThread : IDisposable
{
    private readonly AutoResetEvent _asked = new(false);
    private readonly AutoResetEvent _done = new(false);
    private readonly Thread _thread;
    private Action? _work;                   // written before _asked, read after it; null to end
    private ExceptionDispatchInfo? _failure; // written before _done, read after it

    public PrivilegedThread()
    {
        _thread = new Thread(Run) { Name = "opening", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Has it do something, and waits. What it throws is thrown here.</summary>
    public void Do(Action work)
    {
        _work = work;
        _asked.Set();
        _done.WaitOne();
        _failure?.Throw();
    }

    /// <summary>Waits until it has ended.</summary>
    public void Dispose()
    {
        _work = null;
        _asked.Set();
        _thread.Join();
        _asked.Dispose();
        _done.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _asked.WaitOne();
            if (_work is not { } work)
                return;
            try
            {
                work();
                _failure = null;
            }
            catch (Exception e)
            {
                _failure = ExceptionDispatchInfo.Capture(e);
            }

            _done.Set();
        }
    }
}
