using System.Net.Sockets;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tests.Uapi;

public sealed class UapiListenerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wg-uapi-").FullName + "/run/wireguard";

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(Path.GetDirectoryName(_folder))!, recursive: true);

    [Fact]
    public void It_listens_where_wg_looks_and_only_its_owner_may_enter()
    {
        using UapiListener listener = UapiListener.Open("wg0", _folder);
        Assert.Equal($"{_folder}/wg0.sock", listener.Path);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(listener.Path));
        Assert.Equal(-Errno.EAGAIN, listener.Accept());

        using Socket client = Connect(listener.Path);
        int connection = Sys.Check(listener.Accept(), "accept4");
        Assert.Equal(-Errno.EAGAIN, Sys.Read(connection, new byte[1]));
        client.Send("get=1\n\n"u8);
        Assert.Equal(7, Sys.Read(connection, new byte[100]));
        Sys.Close(connection);
    }

    [Theory]
    [InlineData("0", null, "660")]
    [InlineData("root", null, "660")]
    [InlineData("12345", 0b110_100_000u, "640")]
    [InlineData(null, 0b111_111_000u, "770")]
    public void A_group_may_be_let_in(string? group, uint? mode, string expected)
    {
        // Another group than one's own takes root.
        if (Libc.geteuid() != 0 && group is not null)
            return;
        using UapiListener listener = UapiListener.Open(
            "wg0", _folder, new ServiceOptions { SocketGroup = group, SocketMode = mode });
        Sys.Check(Sys.Stat(listener.Path, out Libc.statx_t status), "statx");
        Assert.Equal(expected, Convert.ToString(status.stx_mode & 0x1ff, 8));
        Assert.Equal(group == "12345", status.stx_gid == 12345);
    }

    [Fact]
    public void A_group_that_is_not_there_is_said()
    {
        SetupException e = Assert.Throws<SetupException>(
            () => UapiListener.Open("wg0", _folder, new ServiceOptions { SocketGroup = "nobody-here" }));
        Assert.Equal("there is no group 'nobody-here' for the control socket: groupadd nobody-here", e.Message);
    }

    [Fact]
    public void Closing_removes_it()
    {
        UapiListener listener = UapiListener.Open("wg0", _folder);
        listener.Dispose();
        listener.Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void A_live_socket_is_refused_and_stays()
    {
        using UapiListener first = UapiListener.Open("wg0", _folder);
        SetupException e = Assert.Throws<SetupException>(() => UapiListener.Open("wg0", _folder));
        Assert.Contains("is in use by a running daemon", e.Message);
        Assert.True(first.IsInPlace);
    }

    [Fact]
    public void A_live_socket_with_a_full_backlog_is_refused_too()
    {
        using UapiListener first = UapiListener.Open("wg0", _folder);
        List<Socket> clients = [];
        try
        {
            while (clients.Count < 1000)
            {
                Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
                clients.Add(client);
                client.Connect(new UnixDomainSocketEndPoint(first.Path));
            }
        }
        catch (SocketException)
        {
            // Full.
        }
        Assert.InRange(clients.Count, 2, 999);
        Assert.Throws<SetupException>(() => UapiListener.Open("wg0", _folder));
        clients.ForEach(c => c.Dispose());
    }

    [Fact]
    public void A_dead_leftover_is_replaced()
    {
        using (Socket dead = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            Directory.CreateDirectory(_folder);
            dead.Bind(new UnixDomainSocketEndPoint($"{_folder}/real.sock"));
            dead.Listen();
            File.Move($"{_folder}/real.sock", $"{_folder}/wg0.sock"); // .NET would remove what it bound
        }
        Assert.True(File.Exists($"{_folder}/wg0.sock"));
        using UapiListener listener = UapiListener.Open("wg0", _folder);
        Connect(listener.Path).Dispose();
    }

    [Fact]
    public void A_file_that_is_no_socket_is_left_alone()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText($"{_folder}/wg0.sock", "mine");
        SetupException e = Assert.Throws<SetupException>(() => UapiListener.Open("wg0", _folder));
        Assert.Equal($"{_folder}/wg0.sock is there and is no socket: remove it", e.Message);
        Assert.Equal("mine", File.ReadAllText($"{_folder}/wg0.sock"));
    }

    [Fact]
    public void A_path_that_is_too_long_is_refused_in_one_line()
    {
        SetupException e = Assert.Throws<SetupException>(() => UapiListener.Open("wg0", _folder + "/" + new string('x', 100)));
        Assert.Contains("File name too long", e.Message);
    }

    [Fact]
    public void A_given_socket_is_taken_over()
    {
        Directory.CreateDirectory(_folder);
        using Socket given = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        given.Bind(new UnixDomainSocketEndPoint($"{_folder}/wg0.sock"));
        int fd = Sys.Check(Libc.fcntl((int)given.Handle, 0 /* F_DUPFD */, 0), "fcntl");
        using (UapiListener listener = UapiListener.FromDescriptor(fd, "wg0", _folder))
        {
            using Socket client = Connect(listener.Path);
            Sys.Close(Sys.Check(listener.Accept(), "accept4"));
        }
        Assert.False(File.Exists($"{_folder}/wg0.sock"));
    }

    [Fact]
    public void A_given_descriptor_of_another_kind_is_refused()
    {
        int fd = Sys.EventFd();
        var refusal = Assert.Throws<SetupException>(() => UapiListener.FromDescriptor(fd, "wg0", _folder));
        Assert.StartsWith("WG_UAPI_FD: descriptor", refusal.Message);
        Sys.Close(fd);
    }

    [Fact]
    public void Removal_renaming_and_replacement_are_noticed()
    {
        Action<string>[] ends = [File.Delete, p => File.Move(p, p + "2"), p => File.Move(Other(p), p, true)];
        foreach (Action<string> end in ends)
        {
            using UapiListener listener = UapiListener.Open("wg0", _folder);
            using ControlSocketWatch watch = new(listener);
            int epoll = Sys.EpollCreate();
            EpollEvents events = new(1);
            Sys.Check(Sys.EpollAdd(epoll, watch.Fd, Libc.EPOLLIN, 1), "epoll_ctl");
            Connect(listener.Path).Dispose();
            Assert.Equal(0, Sys.EpollWait(epoll, events, 0));
            Assert.True(watch.Read());

            end(listener.Path);
            Assert.Equal(1, Sys.EpollWait(epoll, events, 1000));
            Assert.False(watch.Read());
            Assert.Equal(0, Sys.EpollWait(epoll, events, 0));
            Sys.Close(epoll);
            File.Delete(listener.Path);
        }
    }

    /// <summary>
    /// Within unlink(2) the kernel takes the link away, tells inotify, and only then takes the name away: whoever looks at once
    /// still finds the file by its name. A second mount of it makes that moment last.
    /// </summary>
    [TunFact]
    public void A_socket_found_while_it_is_being_removed_is_not_in_place() => Namespace.Run(() =>
    {
        Directory.CreateDirectory(_folder);
        string removed = $"{_folder}/removed.sock";
        File.WriteAllText($"{_folder}/wg0.sock", "");
        using Socket given = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        given.Bind(new UnixDomainSocketEndPoint(removed));
        Namespace.Sh($"mount --make-rprivate / && mount --bind {removed} {_folder}/wg0.sock");
        int fd = Sys.Check(Libc.fcntl((int)given.Handle, 0 /* F_DUPFD */, 0), "fcntl");
        using UapiListener listener = UapiListener.FromDescriptor(fd, "wg0", _folder);
        using ControlSocketWatch watch = new(listener);
        Assert.True(watch.Read());

        File.Delete(removed);
        Assert.True(File.Exists(listener.Path));
        Assert.False(watch.Read());
    });

    [Fact]
    public void What_has_replaced_the_socket_is_not_removed()
    {
        UapiListener listener = UapiListener.Open("wg0", _folder);
        File.Move(Other(listener.Path), listener.Path, true);
        listener.Dispose();
        Assert.True(File.Exists(listener.Path));
    }

    private static string Other(string path)
    {
        File.WriteAllText(path + "-other", "");
        return path + "-other";
    }

    private static Socket Connect(string path)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return socket;
    }
}
