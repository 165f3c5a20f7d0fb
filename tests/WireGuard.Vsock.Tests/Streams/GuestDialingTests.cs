using System.Text;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>Dialling a guest behind its Unix socket, which the test is.</summary>
public sealed class GuestDialingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wg-dial-").FullName;
    private readonly EventLoop _loop = new(() => 1_000_000);
    private readonly PeerConnection _connection = new(1_000_000);
    private readonly List<int> _ended = [];
    private readonly List<int> _guests = [];
    private readonly StreamDialer _dialer;

    public GuestDialingTests() => _dialer = new StreamDialer(_loop, StreamSocket.Connect);

    private EndpointAddress Guest => EndpointAddress.Unix($"{_folder}/v.sock", 51820);

    public void Dispose()
    {
        _dialer.Cancel(_connection);
        _guests.ForEach(Sys.Close);
        _loop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_connection_comes_about_when_the_guest_has_answered()
    {
        using UnixListener monitor = UnixListener.Open(Guest.Path!, 0b111_000_000, 8);
        Assert.Equal(0, Dial());
        int guest = Accept(monitor);
        Span<byte> asked = stackalloc byte[64];
        Assert.Equal("CONNECT 51820\n", Encoding.ASCII.GetString(asked[..Sys.Recv(guest, asked, 0)]));
        _loop.RunOnce(0);
        Assert.Empty(_ended);
        Sys.Send(guest, "OK 10737"u8, 0);
        _loop.RunOnce(0);
        Assert.Empty(_ended);
        Sys.Send(guest, "41824\nstream"u8, 0);
        _loop.RunOnce(10_000);
        Assert.Equal([0], _ended);
        int fd = _dialer.Take(_connection, out EndpointAddress address);
        _guests.Add(fd);
        Assert.Equal(Guest, address);
        Assert.Equal("stream", Encoding.ASCII.GetString(asked[..Sys.Recv(fd, asked, 0)]));
    }

    [Fact]
    public void A_connection_that_is_closed_was_refused()
    {
        using UnixListener monitor = UnixListener.Open(Guest.Path!, 0b111_000_000, 8);
        Assert.Equal(0, Dial());
        Sys.Close(Sys.Check(Sys.Accept(monitor.Fd), "accept"));
        _loop.RunOnce(10_000);
        Assert.Equal([Errno.ECONNRESET], _ended);
        Assert.Equal(-1, _dialer.SocketOf(_connection));
        Assert.Equal(
            $"refused by {Guest.Path}: nothing listens on port 51820 in the guest, or it has not started",
            StreamSocket.ConnectProblem(Guest, Errno.ECONNRESET));
    }

    [Fact]
    public void An_answer_that_is_none_ends_it()
    {
        using UnixListener monitor = UnixListener.Open(Guest.Path!, 0b111_000_000, 8);
        Assert.Equal(0, Dial());
        Sys.Send(Accept(monitor), "HTTP/1.1 400 Bad Request"u8, 0);
        _loop.RunOnce(10_000);
        Assert.Equal([Errno.EPROTO], _ended);
        Assert.Equal(-1, _dialer.SocketOf(_connection));
    }

    [Fact]
    public void Without_a_monitor_it_cannot_begin()
    {
        Assert.Equal(Errno.ENOENT, Dial());
        using (UnixListener monitor = UnixListener.Open(Guest.Path!, 0b111_000_000, 8))
            File.Move(Guest.Path!, Guest.Path + ".left");
        File.Move(Guest.Path + ".left", Guest.Path!);
        Assert.Equal(Errno.ECONNREFUSED, Dial());
        Assert.Empty(_ended);
    }

    [Fact]
    public void A_monitor_that_accepts_nothing_is_not_waited_for()
    {
        using UnixListener monitor = UnixListener.Open(Guest.Path!, 0b111_000_000, backlog: 0);
        _guests.Add(Sys.Check(StreamSocket.Connect(Guest, 0), "connect"));
        Assert.Equal(Errno.EAGAIN, Dial());
    }

    [Fact]
    public void Every_failure_has_its_words()
    {
        int[] errnos =
        [
            Errno.ECONNRESET, Errno.EPROTO, Errno.ECONNREFUSED, Errno.ENOENT, Errno.EAGAIN, Errno.EACCES, Errno.ETIMEDOUT,
            Errno.EMFILE,
        ];
        string[] words = [.. errnos.Select(errno => StreamSocket.ConnectProblem(Guest, errno))];
        Assert.Equal(errnos.Length, words.Distinct().Count());
        Assert.All(words[..^1], text => Assert.Contains(Guest.Path!, text, StringComparison.Ordinal));
    }

    private int Dial() => _dialer.Connect(_connection, Guest, _ended.Add, _ => Assert.Fail("tried to the host"));

    private int Accept(UnixListener monitor)
    {
        int guest = Sys.Check(Sys.Accept(monitor.Fd), "accept");
        _guests.Add(guest);
        return guest;
    }
}
