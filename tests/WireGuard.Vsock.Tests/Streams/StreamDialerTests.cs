using System.Net;
using System.Net.Sockets;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>Dialling the host of a machine that has the transports of a guest and of a host.</summary>
public sealed class StreamDialerTests : IDisposable
{
    private static readonly EndpointAddress Parent = EndpointAddress.Vsock(3, 51820);

    private readonly EventLoop _loop = new(() => 1_000_000);
    private readonly TcpListener _far = new(IPAddress.Loopback, 0);
    private readonly List<EndpointAddress> _tried = [];
    private readonly List<int> _ended = [];
    private readonly List<int> _toHost = [];
    private readonly PeerConnection _connection = new(1_000_000);
    private readonly StreamDialer _dialer;
    private Func<bool, int> _connect = _ => -Errno.ENODEV;

    public StreamDialerTests()
    {
        _far.Start();
        _dialer = new StreamDialer(_loop, (to, _) =>
        {
            _tried.Add(to);
            return _connect(to.IsToHost);
        });
    }

    public void Dispose()
    {
        _dialer.Cancel(_connection);
        _far.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void The_parent_is_tried_by_the_transport_to_the_host_if_there_is_no_other()
    {
        _connect = isToHost => isToHost ? Socket() : -Errno.ENODEV;
        Assert.Equal(0, Dial(Parent));
        _loop.RunOnce(10_000);
        Assert.Equal([0], _ended);
        Assert.Equal([Errno.ENODEV], _toHost);
        Assert.Equal([Parent, Parent.ToHost()], _tried);
        Sys.Close(_dialer.Take(_connection, out EndpointAddress address));
        Assert.Equal(Parent.ToHost(), address);
    }

    [Fact]
    public void The_parent_is_tried_by_the_transport_to_the_host_if_a_guest_has_its_CID()
    {
        _connect = isToHost => isToHost ? Socket() : SocketThatIsReset();
        Assert.Equal(0, Dial(Parent));
        _loop.RunOnce(10_000);
        Assert.Empty(_ended);
        Assert.Equal([Errno.ECONNRESET], _toHost);
        _loop.RunOnce(10_000);
        Assert.Equal([0], _ended);
        Sys.Close(_dialer.Take(_connection, out EndpointAddress address));
        Assert.Equal(Parent.ToHost(), address);
    }

    [Theory]
    [InlineData(Errno.ENODEV, Errno.ENODEV, Errno.ENODEV)]
    [InlineData(Errno.ECONNRESET, Errno.ENODEV, Errno.ECONNRESET)] // there is no transport to a host
    [InlineData(Errno.ENODEV, Errno.EINVAL, Errno.ENODEV)] // a kernel that does not know the flag
    [InlineData(Errno.ENODEV, Errno.ECONNREFUSED, Errno.ECONNREFUSED)]
    public void Of_two_failures_the_one_is_told_that_says_more(int first, int second, int told)
    {
        _connect = isToHost => isToHost ? -second : -first;
        Assert.Equal(told, Dial(Parent));
        Assert.Equal([Parent, Parent.ToHost()], _tried);
        Assert.Empty(_ended);
    }

    [Fact]
    public void Nothing_else_is_tried_twice()
    {
        foreach (EndpointAddress endpoint in (EndpointAddress[])[
            EndpointAddress.Vsock(2, 1), EndpointAddress.Vsock(4, 1), Parent.ToHost(), EndpointAddress.IPv4(3, 1)])
        {
            Assert.Equal(Errno.ENODEV, Dial(endpoint));
        }

        _connect = _ => -Errno.ECONNREFUSED;
        Assert.Equal(Errno.ECONNREFUSED, Dial(Parent));
        Assert.Equal(5, _tried.Count);
        Assert.Empty(_toHost);
    }

    private int Dial(EndpointAddress endpoint) => _dialer.Connect(_connection, endpoint, _ended.Add, _toHost.Add);

    private int Socket()
    {
        int fd = StreamSocket.Connect(
            EndpointAddress.IPv4(0x7F000001, (ushort)((IPEndPoint)_far.LocalEndpoint).Port), mark: 0);
        Assert.True(fd >= 0);
        return fd;
    }

    private int SocketThatIsReset()
    {
        int fd = Socket();
        using Socket accepted = _far.AcceptSocket();
        accepted.LingerState = new LingerOption(enable: true, seconds: 0);
        return fd;
    }
}
