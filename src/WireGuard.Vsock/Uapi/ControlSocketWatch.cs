using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Notices that the control socket was removed, which is how a person (or wg-quick) ends the daemon without knowing its process.
/// inotify (man 7 inotify) watches the socket's own inode: its link count (IN_ATTRIB), a rename, its end.
/// <para>Owned by the control thread, whose epoll watches <see cref="Fd"/>.</para>
/// </summary>
internal sealed class ControlSocketWatch : IDisposable
{
    private readonly UapiListener _listener;
    private readonly FileDescriptor _inotify;
    private readonly byte[] _events = new byte[4096];

    /// <exception cref="LinuxException">inotify is not to be had: the user's instances or watches are used up.</exception>
    public ControlSocketWatch(UapiListener listener)
    {
        _listener = listener;
        _inotify = new FileDescriptor(Sys.Check(Sys.INotifyCreate(), "inotify_init1"));
        int watch = Sys.INotifyAdd(_inotify.Fd, listener.Path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW);
        // ENOENT: removed already, which Read will say.
        if (watch < 0 && watch != -Errno.ENOENT) throw new LinuxException("inotify_add_watch", -watch);
    }

    /// <summary>Readable when there is something to <see cref="Read"/>.</summary>
    public int Fd => _inotify.Fd;

    /// <summary>
    /// Takes in what happened: false once the socket is no longer where it was. To be asked once at the start, too.
    /// </summary>
    public bool Read()
    {
        while (Sys.Read(_inotify.Fd, _events) > 0) { }
        return _listener.IsInPlace;
    }

    public void Dispose() => _inotify.Dispose();
}
