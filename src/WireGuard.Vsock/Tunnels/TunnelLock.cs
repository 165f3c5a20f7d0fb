using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// Held by an up, down or reload for as long as it changes a tunnel; the kernel releases it when the process is killed. It guards
/// a file of <see cref="RunFolder"/>, and its own file is beside that, removed when the lock is released: so one that takes it
/// makes sure that the file it has locked is still the one at that path.
/// </summary>
internal sealed class TunnelLock : IDisposable
{
    private const int PatienceMs = 3000;
    private const int StepMs = 20;

    private readonly string _guarded;
    private readonly FileDescriptor _lock;

    private TunnelLock(string guarded, FileDescriptor held)
    {
        _guarded = guarded;
        _lock = held;
    }

    public int Fd => _lock.Fd;

    /// <summary>Takes the lock of a tunnel; waits for a moment if another process holds it.</summary>
    /// <exception cref="SetupException">Another holds it for longer.</exception>
    public static TunnelLock Take(string tunnel) => TryTake(tunnel)
        ?? throw new SetupException($"another up, down or reload of {tunnel} is running");

    /// <summary>Null if another holds it for longer than a moment.</summary>
    public static TunnelLock? TryTake(string guarded)
    {
        for (long end = Sys.MonotonicMs() + PatienceMs; ; Thread.Sleep(StepMs))
        {
            string path = RunFolder.PathOf(FileOf(guarded));
            bool isLast = Sys.MonotonicMs() >= end;
            int fd = Sys.Open(path, O_RDWR | O_CREAT, 0b110_000_000);
            if (fd == -Errno.ENOENT && !isLast)
                continue; // the folder was removed a moment ago
            if (fd < 0)
            {
                string mend = fd == -Errno.ENOENT ? ": is its folder a link that leads nowhere?" : RunFolder.Mend(-fd);
                throw new SetupException($"cannot open {path}: {Errno.Text(-fd)}{mend}");
            }

            FileDescriptor held = new(fd);
            bool isHeld = Sys.TryLock(fd) >= 0;
            if (isHeld
                && Sys.Stat(path, out statx_t there) >= 0 && Sys.Stat(fd, out statx_t mine) >= 0 && mine.IsSameFileAs(there))
            {
                return new TunnelLock(guarded, held);
            }

            held.Dispose(); // if it was locked, its file was removed by the process that held it
            if (isLast)
                return null;
        }
    }

    public void Dispose()
    {
        if (_lock.IsClosed)
            return;
        try
        {
            RunFolder.RemoveUnfinished(_guarded);
            RunFolder.Remove(FileOf(_guarded));
        }
        finally
        {
            _lock.Dispose();
        }

        RunFolder.RemoveIfEmpty();
    }

    private static string FileOf(string guarded) => guarded + ":lock";
}
