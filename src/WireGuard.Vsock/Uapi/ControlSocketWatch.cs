using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Notices that the control socket was removed, which is how wg-quick and people end the daemon without knowing its process.
/// inotify (man 7 inotify) watches the socket's inode: its link count (IN_ATTRIB), a rename, its deletion.
/// <para>Owned by the control thread, whose epoll watches <see cref="Fd"/>.</para>
/// </summary>
internal sealed class ControlSocketWatch : IDisposable
{
    private readonly UapiListener _listener;
    private readonly FileDescriptor _inotify;
    private readonly byte[] _events = new byte[4096];

    /// <exception cref="LinuxException">The user's inotify instances or watches are used up.</exception>
    public ControlSocketWatch(UapiListener listener)
    {
        _listener = listener;
        _inotify = new FileDescriptor(Sys.Check(Sys.INotifyCreate(), "inotify_init1"));
        int watch = Sys.INotifyAdd(_inotify.Fd, listener.Path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW);
        // ENOENT: removed already, which Read will report.
        if (watch < 0 && watch != -Errno.ENOENT) throw new LinuxException("inotify_add_watch", -watch);
    }

    /// <summary>Readable when there is something to <see cref="Read"/>.</summary>
    public int Fd => _inotify.Fd;

    /// <summary>
    /// Reads the events: false once the socket is no longer in place. Also called once at the start.
    /// </summary>
    public bool Read()
    {
        while (Sys.Read(_inotify.Fd, _events) > 0) { }
        return _listener.IsInPlace;
    }

    public void Dispose() => _inotify.Dispose();
}
