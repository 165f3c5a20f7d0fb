using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// A listening Unix socket and its file. A socket that a program left behind is replaced; one on which a process listens, and
/// what is no socket, stay. When it is closed its file is removed, if it is still the same.
/// </summary>
internal sealed unsafe class UnixListener : IDisposable
{
    private readonly statx_t _inode;
    private (uint User, uint Group) _owner; // whom it was given to
    private bool _isClosed;

    private UnixListener(int fd, string path, statx_t inode) =>
        (Fd, Path, _inode, _owner) = (fd, path, inode, (inode.stx_uid, inode.stx_gid));

    /// <summary>Non-blocking; readable when a connection waits.</summary>
    public int Fd { get; }

    public string Path { get; }

    /// <summary>Whether its path still leads to it.</summary>
    public bool IsInPlace => Sys.Stat(Path, out statx_t now) >= 0 && now.stx_nlink > 0 && now.IsSameFileAs(_inode);

    /// <param name="path">In UTF-8.</param>
    /// <param name="mode">Of its file. Who may write to it may connect.</param>
    /// <param name="backlog">How many connections may wait to be accepted.</param>
    /// <param name="ownerOf">The path whose owner and group it gets, before it listens; null to keep ours.</param>
    /// <param name="group">The group that it gets before it listens; null to keep ours.</param>
    /// <exception cref="LinuxException">
    /// EADDRINUSE: another program listens there. EEXIST: what is there is no socket. Or what the system says.
    /// </exception>
    public static UnixListener Open(string path, uint mode, int backlog, string? ownerOf = null, uint? group = null)
    {
        int fd = Sys.Check(Sys.Socket(AF_UNIX, SOCK_STREAM, 0), "socket AF_UNIX");
        try
        {
            int result = Bind(fd, path, mode);
            if (result == -Errno.EADDRINUSE)
            {
                result = RemoveLeftover(path);
                result = result < 0 ? result : Bind(fd, path, mode);
            }

            Sys.Check(result, $"bind to {path}");
            Sys.Check(FindFile(fd, path, out statx_t inode), $"stat {path}");
            var listener = new UnixListener(fd, path, inode);
            if (ownerOf is not null)
                listener.FollowOwner(ownerOf);
            if (group is { } number)
                Sys.Check(listener.ChangeOwner(uint.MaxValue, number), $"chgrp {path}");
            Sys.Check(Sys.Listen(fd, backlog), "listen");
            return listener;
        }
        catch
        {
            Sys.Close(fd);
            throw;
        }
    }

    /// <summary>Takes over a socket that is bound to the path.</summary>
    /// <exception cref="LinuxException">It cannot listen.</exception>
    public static UnixListener Adopt(int fd, string path, int backlog)
    {
        Sys.Check(Sys.Stat(path, out statx_t inode), $"stat {path}");
        Sys.Check(Sys.Listen(fd, backlog), "listen");
        return new UnixListener(fd, path, inode);
    }

    /// <summary>What keeps one from listening, in words that say what to mend.</summary>
    public static string Problem(int errno) => errno switch
    {
        Errno.EADDRINUSE => "another program listens there",
        Errno.EEXIST => "what is there is no socket: remove it",
        Errno.ENOENT => "its folder is not there",
        Errno.EACCES or Errno.EPERM => $"{Errno.Text(errno)}: run as root, or as the folder's owner",
        _ => Errno.Text(errno),
    };

    /// <summary>
    /// Removes a socket that refuses connections: a program that has ended left it behind. Nothing there is as good.
    /// </summary>
    /// <returns>0, or a negated errno: -EADDRINUSE if a process listens, -EEXIST if it is no socket.</returns>
    public static int RemoveLeftover(string path)
    {
        int result = Sys.Stat(path, out statx_t found);
        if (result < 0)
            return result == -Errno.ENOENT ? 0 : result;
        if ((found.stx_mode & S_IFMT) != S_IFSOCK)
            return -Errno.EEXIST;
        int probe = Sys.Socket(AF_UNIX, SOCK_STREAM, 0);
        if (probe < 0)
            return probe;
        Span<byte> address = stackalloc byte[EndpointAddress.MaxUnixSockaddrSize];
        result = Sys.Connect(probe, address[..UnixAddress.WriteSockaddr(path, address)]);
        Sys.Close(probe);
        // EAGAIN: its backlog is full, so a process listens.
        if (result is >= 0 or -Errno.EAGAIN)
            return -Errno.EADDRINUSE;
        if (result != -Errno.ECONNREFUSED)
            return result == -Errno.ENOENT ? 0 : result;
        // Not one that has taken its place meanwhile.
        if (Sys.Stat(path, out statx_t now) < 0 || !now.IsSameFileAs(found))
            return -Errno.EADDRINUSE;
        result = Sys.Unlink(path);
        return result == -Errno.ENOENT ? 0 : result;
    }

    /// <summary>
    /// Gives the socket's file the owner and the group of a path, or of the folder it is to be in while it is not there. Where
    /// that is not allowed, the group alone. Control only.
    /// </summary>
    /// <returns>0, or a negated errno.</returns>
    public int FollowOwner(string path)
    {
        if (Sys.Stat(path, out statx_t model) < 0 && Sys.Stat(System.IO.Path.GetDirectoryName(path) ?? "/", out model) < 0)
            return 0;
        if ((model.stx_uid, model.stx_gid) == _owner)
            return 0;
        int result = ChangeOwner(model.stx_uid, model.stx_gid);
        if (result == -Errno.EPERM)
            result = ChangeOwner(uint.MaxValue, model.stx_gid);
        if (result >= 0)
            _owner = (model.stx_uid, model.stx_gid);
        return result;
    }

    public void Dispose()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        // First, so that no program connects to a file that is about to go.
        if (IsInPlace)
            _ = Sys.Unlink(Path);
        Sys.Close(Fd);
    }

    /// <summary>Not by its path: the folder may be another user's, who could put another file there meanwhile.</summary>
    private int ChangeOwner(uint user, uint group)
    {
        using FileDescriptor file = new(Sys.Open(Path, O_PATH));
        if (file.IsInvalid || Sys.Stat(file.Fd, out statx_t now) < 0 || !now.IsSameFileAs(_inode))
            return -Errno.ENOENT;
        bool isSame = now.stx_gid == group && (user == uint.MaxValue || now.stx_uid == user);
        return isSame ? 0 : Sys.ChangeOwner(file.Fd, user, group);
    }

    /// <summary>
    /// The file of a socket that was bound a moment ago. The folder's owner may have put another in its place, as a hard
    /// link to a file of ours, to have it given to them.
    /// </summary>
    /// <returns>0, or a negated errno: -EADDRINUSE if another file is in its place.</returns>
    internal static int FindFile(int fd, string path, out statx_t inode)
    {
        // The kernel knows it without a path, and tells those who have CAP_NET_ADMIN.
        using FileDescriptor own = new(Sys.Ioctl(fd, SIOCUNIXFILE, null));
        if (!own.IsInvalid)
            return Sys.Stat(own.Fd, out inode);
        int result = Sys.Stat(path, out inode);
        bool canBeIt = (inode.stx_mode & S_IFMT) == S_IFSOCK && inode.stx_uid == geteuid() && inode.stx_nlink == 1;
        return result < 0 || canBeIt ? result : -Errno.EADDRINUSE;
    }

    /// <summary>The mode is given by umask(2), which is the process's: no other thread makes files.</summary>
    private static int Bind(int fd, string path, uint mode)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(path) > UnixAddress.MaxPathLength)
            return -Errno.ENAMETOOLONG;
        Span<byte> address = stackalloc byte[EndpointAddress.MaxUnixSockaddrSize];
        address = address[..UnixAddress.WriteSockaddr(path, address)];
        uint before = umask(~mode & 0b111_111_111);
        int result = Sys.Bind(fd, address);
        _ = umask(before);
        return result;
    }
}
