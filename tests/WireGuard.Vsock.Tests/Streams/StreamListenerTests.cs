using System.Net;
using System.Net.Sockets;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>What a listener does when there are no descriptors left.</summary>
[Collection(Alone.Name)]
public sealed class StreamListenerTests : IDisposable
{
    private readonly EventLoop _loop;
    private readonly StreamListener _listener;
    private readonly List<Socket> _clients = [];
    private readonly List<int> _accepted = [];
    private bool _makesRoom;
    private int _shortages;
    private long _nowMs = 1_000_000;

    public StreamListenerTests()
    {
        _loop = new EventLoop(() => _nowMs);
        _listener = new StreamListener(_loop, (fd, _) => _accepted.Add(fd), () =>
        {
            _shortages++;
            return _makesRoom;
        });
        _listener.Open(NetworkKind.Tcp4, 0, mark: 0);
        // Everything is loaded that will be needed.
        Connect();
        _loop.RunOnce(1_000);
        Assert.Single(_accepted);
    }

    public void Dispose()
    {
        _listener.Close();
        _clients.ForEach(client => client.Dispose());
        _accepted.ForEach(Sys.Close);
        _loop.Dispose();
    }

    [Theory]
    [InlineData(false, 100)]
    [InlineData(true, 10)]
    public void Without_descriptors_nothing_is_accepted_for_100_ms_or_10_ms_if_some_were_given_up(bool makesRoom, int pauseMs)
    {
        _makesRoom = makesRoom;
        Connect();
        using (DescriptorLimit.None())
        {
            _loop.RunOnce(1_000);
            _loop.RunOnce(0);
        }

        Assert.Equal((1, 1), (_shortages, _accepted.Count));
        // There would be one again, and the caller waits.
        _nowMs += pauseMs - 1;
        _loop.RunOnce(0);
        Assert.Single(_accepted);
        _nowMs++;
        _loop.RunOnce(0);
        _loop.RunOnce(1_000);
        Assert.Equal((1, 2), (_shortages, _accepted.Count));
    }

    private void Connect()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _clients.Add(client);
        client.Connect(IPAddress.Loopback, _listener.Port);
    }
}
