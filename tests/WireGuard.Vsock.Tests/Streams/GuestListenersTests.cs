using System.Net.Sockets;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>Where guests behind Unix sockets call, in a folder of the test's own.</summary>
public sealed class GuestListenersTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wg-guests-").FullName;
    private readonly EventLoop _loop = new(() => 1_000_000);
    private readonly LinesLogger _log = new();
    private readonly List<(int Fd, EndpointAddress From)> _accepted = [];
    private readonly Tunnel _one = new(1_000_000);
    private readonly Tunnel _other = new(1_000_000);
    private readonly GuestListeners _listeners;

    public GuestListenersTests() =>
        _listeners = new GuestListeners(new Acceptor(_loop, (fd, from) => _accepted.Add((fd, from)), () => false), _log);

    private Peer One => _one.Peer;

    private Peer Other => _other.Peer;

    private string Guest => $"{_folder}/v.sock";

    private string[] Files => [.. Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName).Order()!];

    public void Dispose()
    {
        _listeners.Close();
        _accepted.ForEach(connection => Sys.Close(connection.Fd));
        _one.Dispose();
        _other.Dispose();
        _loop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void There_is_one_for_each_path_while_it_is_open()
    {
        _listeners.Follow(One, Guest);
        Assert.Empty(Files);
        _listeners.Open(51820);
        Assert.Equal(["v.sock_51820"], Files);
        _listeners.Follow(Other, $"{_folder}/w.sock");
        Assert.Equal(["v.sock_51820", "w.sock_51820"], Files);
        _listeners.Close();
        Assert.Equal((0, 0), (Files.Length, _listeners.Port));
        _listeners.Open(51820);
        Assert.Equal(2, Files.Length);
    }

    [Fact]
    public void What_is_accepted_comes_from_the_path()
    {
        _listeners.Open(51820);
        _listeners.Follow(One, Guest);
        using Socket client = Connect($"{Guest}_51820");
        _loop.RunOnce(10_000);
        Assert.Equal(EndpointAddress.Unix(Guest, 0), Assert.Single(_accepted).From);
    }

    [Fact]
    public void Two_peers_with_one_path_share_it_until_neither_has_it()
    {
        _listeners.Open(5);
        _listeners.Follow(One, Guest);
        _listeners.Follow(Other, Guest);
        Assert.Equal(["v.sock_5"], Files);
        _listeners.Follow(One, null);
        Assert.Equal(["v.sock_5"], Files);
        using (Connect($"{Guest}_5"))
            _loop.RunOnce(10_000);
        Assert.Single(_accepted);
        _listeners.Follow(Other, $"{_folder}/w.sock");
        Assert.Equal(["w.sock_5"], Files);
        _listeners.Follow(Other, null);
        Assert.Empty(Files);
    }

    [Fact]
    public void Another_port_has_another_socket()
    {
        _listeners.Open(5);
        _listeners.Follow(One, Guest);
        _listeners.Open(6);
        Assert.Equal(["v.sock_6"], Files);
        _listeners.Open(0);
        Assert.InRange(_listeners.Port, 1024, 65535);
        Assert.Equal([$"v.sock_{_listeners.Port}"], Files);
    }

    [Fact]
    public void A_folder_that_is_not_there_is_told_once_and_tried_again()
    {
        string folder = $"{_folder}/vm", path = $"{folder}/v.sock";
        _listeners.Open(5);
        _listeners.Follow(One, path);
        string problem = $"cannot listen at {path}_5: its folder is not there";
        Assert.Equal(problem, _listeners.ProblemOf(One));
        Assert.Null(_listeners.ProblemOf(Other));
        _listeners.Follow(Other, $"{folder}/w.sock");
        Assert.EndsWith("; likewise of 1 more", _listeners.Problem(), StringComparison.Ordinal);
        _listeners.Sweep();
        Assert.Equal(2, _log.Lines.Count(line => line.Contains("Cannot listen at", StringComparison.Ordinal)));
        Directory.CreateDirectory(folder);
        _listeners.Sweep();
        Assert.Null(_listeners.Problem());
        Assert.Null(_listeners.ProblemOf(One));
        using Socket client = Connect($"{path}_5");
    }

    [Fact]
    public void Another_problem_of_the_same_path_is_told_too()
    {
        _listeners.Open(5);
        File.WriteAllText($"{Guest}_5", "");
        _listeners.Follow(One, Guest);
        Assert.Contains("is no socket", _listeners.ProblemOf(One), StringComparison.Ordinal);
        File.Delete($"{Guest}_5");
        using UnixListener stray = StreamSocket.ListenUnix(Guest, 5);
        _listeners.Sweep();
        _listeners.Sweep();
        Assert.Contains("another program listens there", _listeners.ProblemOf(One), StringComparison.Ordinal);
        Assert.Equal(2, _log.Lines.Count(line => line.Contains("Cannot listen at", StringComparison.Ordinal)));
    }

    [Fact]
    public void Another_programs_socket_is_probed_seldom_and_at_once_when_it_is_another()
    {
        using (UnixListener stray = StreamSocket.ListenUnix(Guest, 5))
        {
            _listeners.Open(5);
            _listeners.Follow(One, Guest);
            for (int i = 0; i < 20; i++)
                _listeners.Sweep();
            int probes = 0;
            for (int fd; (fd = Sys.Accept(stray.Fd)) >= 0; probes++)
                Sys.Close(fd);
            Assert.InRange(probes, 1, 3);
        }

        _listeners.Sweep();
        Assert.Null(_listeners.ProblemOf(One));
    }

    [Fact]
    public void Program_that_has_ended_is_followed_in_a_while()
    {
        using (UnixListener stray = StreamSocket.ListenUnix(Guest, 5))
        {
            _listeners.Open(5);
            _listeners.Follow(One, Guest);
            File.Move($"{Guest}_5", $"{Guest}_moved");
        }

        File.Move($"{Guest}_moved", $"{Guest}_5"); // as one that was killed leaves it
        for (int i = 0; i < 10; i++)
            _listeners.Sweep();
        Assert.Null(_listeners.ProblemOf(One));
    }

    /// <summary>Its guest calls at the socket beside what the link leads to.</summary>
    [Fact]
    public void A_path_that_is_a_symbolic_link_is_told()
    {
        _listeners.Open(5);
        _listeners.Follow(One, Guest);
        File.CreateSymbolicLink(Guest, $"{_folder}/w.sock");
        _listeners.Sweep();
        _listeners.Sweep();
        Assert.Equal(["v.sock"], Files);
        Assert.Contains($"{Guest} is a symbolic link", _listeners.ProblemOf(One), StringComparison.Ordinal);
        Assert.Single(_log.Lines, line => line.Contains("Cannot listen at", StringComparison.Ordinal));
        File.Delete(Guest);
        _listeners.Sweep();
        Assert.Equal(["v.sock_5"], Files);
        Assert.Null(_listeners.ProblemOf(One));
    }

    [Fact]
    public void A_socket_whose_file_is_removed_is_made_again()
    {
        _listeners.Open(5);
        _listeners.Follow(One, Guest);
        File.Delete($"{Guest}_5");
        _listeners.Sweep();
        using Socket client = Connect($"{Guest}_5");
        _loop.RunOnce(10_000);
        Assert.Single(_accepted);
    }

    [Fact]
    public void A_guest_that_has_failed_keeps_none_from_the_others()
    {
        _listeners.Open(5);
        _listeners.Follow(One, $"{_folder}/vm/v.sock");
        _listeners.Follow(Other, Guest);
        Assert.Equal(["v.sock_5"], Files);
    }

    private static Socket Connect(string path)
    {
        Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(path));
        return client;
    }
}
