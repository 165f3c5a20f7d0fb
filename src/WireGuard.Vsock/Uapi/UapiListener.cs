using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// The control socket (https://www.wireguard.com/xplatform/): /var/run/wireguard/NAME.sock, where wg(8) looks for it; for root
/// only, unless a group is named. Connections are accepted here and served by the control thread.
/// </summary>
internal sealed class UapiListener : IDisposable
{
    public const string Folder = "/var/run/wireguard";

    private const int Backlog = 64;

    /// <summary>As wireguard-go's.</summary>
    private const uint OwnersMode = 0b111_000_000;

    private const uint GroupsMode = 0b110_110_000;

    private readonly UnixListener _socket;

    private UapiListener(UnixListener socket) => _socket = socket;

    public string Path => _socket.Path;

    /// <summary>Non-blocking; readable when a connection waits.</summary>
    public int Fd => _socket.Fd;

    /// <summary>False once the socket's file was removed, renamed or replaced.</summary>
    public bool IsInPlace => _socket.IsInPlace;

    /// <summary>The next connection, non-blocking, or a negated errno: -EAGAIN if none waits.</summary>
    public int Accept() => Sys.Accept(_socket.Fd);

    /// <summary>
    /// Makes the socket of an interface. A file left behind by a daemon that died is replaced; a socket that answers is not.
    /// </summary>
    /// <param name="name">The interface's.</param>
    /// <param name="folder">Where it is; a test has another.</param>
    /// <param name="service">Which group may use it, and how; null for root alone.</param>
    /// <exception cref="SetupException">It cannot be made; the message says why and how to mend it.</exception>
    public static UapiListener Open(string name, string folder = Folder, ServiceOptions? service = null)
    {
        string path = PathOf(name, folder);
        uint? group = GroupOf(service?.SocketGroup);
        // EROFS and EACCES: it may exist all the same, and the next step will tell.
        int made = MakeFolders(folder);
        if (made < 0 && made != -Errno.EEXIST) throw CannotOpen(folder, -made);
        try
        {
            uint mode = service?.SocketMode ?? (group is null ? OwnersMode : GroupsMode);
            return new UapiListener(UnixListener.Open(path, mode, Backlog, group: group));
        }
        catch (LinuxException e)
        {
            throw CannotOpen(path, e.Errno);
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
        return new UapiListener(UnixListener.Adopt(fd, path, Backlog));
    }

    /// <summary>Closes the socket and removes its file, unless that was replaced.</summary>
    public void Dispose() => _socket.Dispose();

    /// <summary>Removes the control socket of an interface whose daemon was killed.</summary>
    /// <exception cref="SetupException">A daemon listens there, or it cannot be removed.</exception>
    public static void RemoveLeftover(string name, string folder = Folder)
    {
        string path = PathOf(name, folder);
        int result = UnixListener.RemoveLeftover(path);
        if (result < 0) throw CannotOpen(path, -result);
    }

    private static string PathOf(string name, string folder) => $"{folder}/{name}.sock";

    private static uint? GroupOf(string? name)
    {
        if (name is null) return null;
        return Sys.GroupId(name, out uint id) switch
        {
            >= 0 => id,
            -Errno.ENOENT => throw new SetupException($"there is no group '{name}' for the control socket: groupadd {name}"),
            var error => throw new SetupException($"the group '{name}' cannot be looked up: {Errno.Text(-error)}"),
        };
    }

    /// <summary>The folder, and those above it, open to all as wireguard-go makes them; the socket itself is root's.</summary>
    /// <returns>0, or a negated errno: -EEXIST if it is there.</returns>
    public static int MakeFolders(string folder = Folder)
    {
        for (int end = folder.IndexOf('/', 1); ; end = folder.IndexOf('/', end + 1))
        {
            string part = end < 0 ? folder : folder[..end];
            int result = Sys.MakeDirectory(part, 0b111_101_101);
            if (end < 0) return result;
        }
    }

    private static SetupException CannotOpen(string path, int errno) => errno switch
    {
        Errno.EADDRINUSE => new($"{path} is in use by a running daemon: stop it, or take another name"),
        Errno.EEXIST => new($"{path} is there and is no socket: remove it"),
        Errno.EACCES or Errno.EPERM => new($"cannot make the control socket {path}: {Errno.Text(errno)}: run as root"),
        _ => new($"cannot make the control socket {path}: {Errno.Text(errno)}"),
    };
}
