using System.Net.Sockets;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class UnixListenerTests : IDisposable
{
    private const uint Vmm = 12345;
    private const uint Other = 23456;

    private readonly string _folder = Directory.CreateTempSubdirectory("wg-unix-").FullName;

    private string At => $"{_folder}/v.sock_51820";

    private string Guest => $"{_folder}/v.sock";

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void It_listens_behind_the_guests_path()
    {
        using UnixListener listener = StreamSocket.ListenUnix(Guest, 51820);
        Assert.Equal(At, listener.Path);
        Assert.Equal(-Errno.EAGAIN, Sys.Accept(listener.Fd));
        using Socket client = Connect(At);
        Sys.Close(Sys.Check(Sys.Accept(listener.Fd), "accept"));
    }

    [Fact]
    public void Only_its_owner_and_group_may_connect()
    {
        using UnixListener listener = StreamSocket.ListenUnix(Guest, 51820);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite,
            File.GetUnixFileMode(At));
    }

    [Fact]
    public void It_gets_the_owner_of_the_guests_socket()
    {
        using UnixListener guest = UnixListener.Open(Guest, 0b111_000_000, 1);
        Give(Guest, Vmm, Other);
        using UnixListener listener = StreamSocket.ListenUnix(Guest, 51820);
        Assert.Equal((Vmm, Other), OwnerOf(At));
    }

    [Fact]
    public void Before_that_is_there_it_gets_the_owner_of_the_folder()
    {
        Give(_folder, Vmm, Other);
        using UnixListener listener = StreamSocket.ListenUnix(Guest, 51820);
        Assert.Equal((Vmm, Other), OwnerOf(At));

        using UnixListener guest = UnixListener.Open(Guest, 0b111_000_000, 1);
        Give(Guest, Other, Vmm);
        Assert.Equal(0, listener.FollowOwner(Guest));
        Assert.Equal((Other, Vmm), OwnerOf(At));
        Assert.True(listener.IsInPlace);
    }

    [Fact]
    public void Nothing_that_has_taken_its_place_is_given_away()
    {
        using UnixListener listener = UnixListener.Open(At, 0b110_000_000, 1);
        File.Delete(At);
        File.WriteAllText($"{_folder}/secret", "secret");
        File.CreateSymbolicLink(At, $"{_folder}/secret");
        Give(_folder, Vmm, Vmm);
        Assert.Equal(-Errno.ENOENT, listener.FollowOwner(Guest));
        Assert.NotEqual(Vmm, OwnerOf($"{_folder}/secret").Owner);
        Assert.NotEqual(Vmm, OwnerOf(At).Owner);
    }

    /// <summary>A hard link to a file of ours, of any kind, may be put into a folder that another user owns.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_has_taken_its_place_at_once_is_not_taken_for_it(bool isSocket)
    {
        using UnixListener listener = UnixListener.Open(At, 0b110_000_000, 1);
        File.Move(At, $"{_folder}/moved");
        using UnixListener? other = isSocket ? UnixListener.Open($"{_folder}/secret", 0b110_000_000, 1) : null;
        if (!isSocket)
            File.WriteAllText($"{_folder}/secret", "secret");
        Link($"{_folder}/secret", At);
        int result = UnixListener.FindFile(listener.Fd, At, out Libc.statx_t found);
        Sys.Check(Sys.Stat($"{_folder}/moved", out Libc.statx_t own), "stat");
        // Without CAP_NET_ADMIN it cannot be told where its own is.
        Assert.True(result == -Errno.EADDRINUSE || (result == 0 && found.IsSameFileAs(own)));
    }

    [Fact]
    public void Closing_removes_it()
    {
        UnixListener listener = StreamSocket.ListenUnix(Guest, 51820);
        listener.Dispose();
        listener.Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Closing_leaves_what_has_taken_its_place()
    {
        UnixListener first = StreamSocket.ListenUnix(Guest, 51820);
        File.Delete(At);
        Assert.False(first.IsInPlace);
        using UnixListener second = StreamSocket.ListenUnix(Guest, 51820);
        first.Dispose();
        Assert.True(second.IsInPlace);
    }

    [Fact]
    public void A_socket_that_refuses_connections_is_replaced()
    {
        LeaveBehind(At);
        using UnixListener listener = StreamSocket.ListenUnix(Guest, 51820);
        using Socket client = Connect(At);
        Sys.Close(Sys.Check(Sys.Accept(listener.Fd), "accept"));
    }

    [Fact]
    public void A_live_socket_is_left_alone()
    {
        using UnixListener first = StreamSocket.ListenUnix(Guest, 51820);
        Assert.Equal(Errno.EADDRINUSE, Refused());
        Assert.True(first.IsInPlace);
        using Socket client = Connect(At);
    }

    [Fact]
    public void A_live_socket_with_a_full_backlog_is_left_alone_too()
    {
        using UnixListener first = UnixListener.Open(At, 0b111_000_000, backlog: 0);
        using Socket client = Connect(At);
        Assert.Equal(Errno.EADDRINUSE, Refused());
        Assert.True(first.IsInPlace);
    }

    [Fact]
    public void A_file_is_left_alone()
    {
        File.WriteAllText(At, "precious");
        Assert.Equal(Errno.EEXIST, Refused());
        Assert.Equal("precious", File.ReadAllText(At));
    }

    [Fact]
    public void A_folder_is_left_alone()
    {
        Directory.CreateDirectory(At);
        Assert.Equal(Errno.EEXIST, Refused());
        Assert.True(Directory.Exists(At));
    }

    /// <summary>Whoever owns the folder may put one there, to have a socket elsewhere removed.</summary>
    [Fact]
    public void A_symbolic_link_to_a_dead_socket_is_left_alone()
    {
        LeaveBehind($"{_folder}/dead");
        File.CreateSymbolicLink(At, $"{_folder}/dead");
        Assert.Equal(Errno.EEXIST, Refused());
        Assert.True(File.Exists($"{_folder}/dead"));
    }

    [Fact]
    public void A_missing_folder_is_told() =>
        Assert.Equal(
            Errno.ENOENT, Assert.Throws<LinuxException>(() => StreamSocket.ListenUnix($"{_folder}/vm3/v.sock", 5)).Errno);

    [Fact]
    public void A_path_that_is_too_long_is_told()
    {
        string longest = $"{_folder}/".PadRight(UnixAddress.MaxPathLength, 'v');
        UnixListener.Open(longest, 0b111_000_000, 1).Dispose();
        Assert.Equal(
            Errno.ENAMETOOLONG,
            Assert.Throws<LinuxException>(() => UnixListener.Open(longest + "v", 0b111_000_000, 1)).Errno);
    }

    [Fact]
    public void Every_problem_has_its_words()
    {
        int[] errnos = [Errno.EADDRINUSE, Errno.EEXIST, Errno.ENOENT, Errno.EACCES, Errno.EROFS];
        Assert.Equal(errnos.Length, errnos.Select(UnixListener.Problem).Distinct().Count());
    }

    private int Refused() => Assert.Throws<LinuxException>(() => StreamSocket.ListenUnix(Guest, 51820)).Errno;

    private static Socket Connect(string path)
    {
        Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(path));
        return client;
    }

    /// <summary>A socket whose program has ended.</summary>
    private static void LeaveBehind(string path)
    {
        using Socket dead = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        dead.Bind(new UnixDomainSocketEndPoint(path + ".real"));
        dead.Listen();
        File.Move(path + ".real", path); // .NET would remove what it bound
    }

    private static void Link(string from, string to)
    {
        using var ln = System.Diagnostics.Process.Start("ln", [from, to]);
        ln.WaitForExit();
        Assert.Equal(0, ln.ExitCode);
    }

    private static void Give(string path, uint owner, uint group)
    {
        using FileDescriptor file = new(Sys.Open(path, Libc.O_PATH));
        Sys.Check(Sys.ChangeOwner(file.Fd, owner, group), "chown");
    }

    private static (uint Owner, uint Group) OwnerOf(string path)
    {
        Sys.Check(Sys.Stat(path, out Libc.statx_t status), "stat");
        return (status.stx_uid, status.stx_gid);
    }
}
