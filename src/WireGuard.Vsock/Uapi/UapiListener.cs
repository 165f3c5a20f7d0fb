using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// The control socket (https://www.wireguard.com/xplatform/): /var/run/wireguard/NAME.sock, for root only, where wg(8) looks for
/// it. Connections are accepted here and served by the control thread.
/// </summary>
internal sealed unsafe class UapiListener : IDisposable
{
    public const string Folder = "/var/run/wireguard";

    private const int Backlog = 64;

    private readonly FileDescriptor _socket;
    private readonly statx_t _inode;

    private UapiListener(FileDescriptor socket, string path)
    {
        _socket = socket;
        Path = path;
        _ = Sys.Stat(path, out _inode);
    }

    public string Path { get; }

    /// <summary>Non-blocking; readable when a connection waits.</summary>
    public int Fd => _socket.Fd;

    /// <summary>
    /// False once the socket's file was removed, renamed or replaced. The link count is checked too: during unlink(2)
    /// the path still leads to the file for a moment after inotify has reported its removal.
    /// </summary>
    public bool IsInPlace => Sys.Stat(Path, out statx_t now) >= 0 && now.stx_nlink > 0 && now.IsSameFileAs(_inode);

    /// <summary>The next connection, non-blocking, or a negated errno: -EAGAIN if none waits.</summary>
    public int Accept() => Sys.Accept(_socket.Fd);

    /// <summary>
    /// Makes the socket of an interface. A file left behind by a daemon that died is replaced; a socket that answers is not.
    /// </summary>
    /// <exception cref="SetupException">It cannot be made; the message says why and how to mend it.</exception>
    public static UapiListener Open(string name, string folder = Folder)
    {
        string path = PathOf(name, folder);
        MakeFolders(folder);
        FileDescriptor socket = new(Sys.Check(Sys.Socket(AF_UNIX, SOCK_STREAM, 0), "socket(AF_UNIX)"));
        try
        {
            int result = BindPrivately(socket.Fd, path);
            if (result == -Errno.EADDRINUSE)
            {
                RemoveLeftoverAt(path);
                result = BindPrivately(socket.Fd, path);
            }
            if (result < 0) throw CannotOpen(path, -result);
            Sys.Check(Sys.Listen(socket.Fd, Backlog), "listen");
            return new UapiListener(socket, path);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Takes over a listening socket (WG_UAPI_FD), which is bound to the interface's path.</summary>
    /// <exception cref="SetupException">It is not such a socket.</exception>
    public static UapiListener FromDescriptor(int fd, string name, string folder = Folder)
    {
        string path = PathOf(name, folder);
        int result = Sys.GetOption(fd, SOL_SOCKET, SO_DOMAIN, out int domain);
        if (result < 0 || domain != AF_UNIX) throw new SetupException($"WG_UAPI_FD: descriptor {fd} is not a UNIX socket");
        if (Sys.Stat(path, out _) < 0)
        {
            throw new SetupException($"WG_UAPI_FD: the socket must be bound to {path}, which is not there");
        }

        Sys.Check(Sys.SetNonBlocking(fd), "fcntl");
        Sys.Check(Sys.SetCloseOnExec(fd, true), "fcntl");
        Sys.Check(Sys.Listen(fd, Backlog), "listen");
        return new UapiListener(new FileDescriptor(fd), path);
    }

    /// <summary>Closes the socket and removes its file, unless that was replaced.</summary>
    public void Dispose()
    {
        if (_socket.IsClosed) return;
        if (IsInPlace) _ = Sys.Unlink(Path);
        _socket.Dispose();
    }

    /// <summary>Removes the control socket of an interface whose daemon was killed.</summary>
    /// <exception cref="SetupException">A daemon listens there, or it cannot be removed.</exception>
    public static void RemoveLeftover(string name, string folder = Folder)
    {
        string path = PathOf(name, folder);
        if (Sys.Stat(path, out _) >= 0) RemoveLeftoverAt(path);
    }

    private static string PathOf(string name, string folder) => $"{folder}/{name}.sock";

    /// <summary>struct sockaddr_un: the family, the path, a closing zero.</summary>
    private static byte[] AddressOf(string path) => [AF_UNIX, 0, .. Encoding.UTF8.GetBytes(path), 0];

    /// <summary>The folder, and those above it, open to all as wireguard-go makes them; the socket itself is root's.</summary>
    private static void MakeFolders(string folder)
    {
        for (int end = folder.IndexOf('/', 1); ; end = folder.IndexOf('/', end + 1))
        {
            string part = end < 0 ? folder : folder[..end];
            int result = Sys.MakeDirectory(part, 0b111_101_101);
            // EROFS and EACCES: it may exist all the same, and the next step will tell.
            if (result < 0 && end < 0 && result != -Errno.EEXIST) throw CannotOpen(folder, -result);
            if (end < 0) return;
        }
    }

    private static int BindPrivately(int socket, string path)
    {
        byte[] address = AddressOf(path);
        if (address.Length > sizeof(sockaddr_un)) return -Errno.ENAMETOOLONG;
        uint before = umask(0b000_111_111);
        int result = Sys.Bind(socket, address);
        _ = umask(before);
        return result;
    }

    private static void RemoveLeftoverAt(string path)
    {
        if (Sys.Stat(path, out statx_t status) >= 0 && (status.stx_mode & S_IFMT) != S_IFSOCK)
        {
            throw new SetupException($"{path} is there and is no socket: remove it");
        }
        using FileDescriptor probe = new(Sys.Check(Sys.Socket(AF_UNIX, SOCK_STREAM, 0), "socket(AF_UNIX)"));
        int result = Sys.Connect(probe.Fd, AddressOf(path));
        // EAGAIN: its backlog is full, so a daemon listens.
        if (result >= 0 || result == -Errno.EAGAIN)
        {
            throw new SetupException($"{path} is in use by a running daemon: stop it, or take another name");
        }
        if (result != -Errno.ECONNREFUSED && result != -Errno.ENOENT) throw CannotOpen(path, -result);
        result = Sys.Unlink(path);
        if (result < 0 && result != -Errno.ENOENT) throw CannotOpen(path, -result);
    }

    private static SetupException CannotOpen(string path, int errno)
    {
        string mend = errno is Errno.EACCES or Errno.EPERM ? ": run as root" : "";
        return new SetupException($"cannot make the control socket {path}: {Errno.Text(errno)}{mend}");
    }
}
