using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Lanes;

public sealed class LaneTests : IDisposable
{
    private readonly ControlInbox _inbox = new();
    private readonly EventLoop _loop = new();
    private readonly TunQueue _noQueue = new(new TunDevice("none", [], hasHeader: true, TunOffloads.None), 0);
    private readonly int _fd = Sys.Check(Sys.EventFd(), "eventfd");

    public void Dispose()
    {
        _loop.Dispose();
        _inbox.Dispose();
        Sys.Close(_fd);
    }

    [Fact]
    public void Lane_that_fails_tells_control_and_holds_nothing_any_more()
    {
        // Without a queue of a TUN device: it fails when it is to read from it.
        using var lane = new Lane(0, _noQueue, readsTun: false, isStream: true, new Published(), _inbox);
        Sys.Check(Sys.EpollAdd(lane.Descriptors.Epoll, _fd, EPOLLIN, LaneEvents.Tun), "epoll_ctl");
        Sys.EventFdSignal(_fd);
        _loop.Watch(_inbox.Fd, EPOLLIN, _ => _inbox.BeginTaking());
        lane.Start();
        while (_inbox.Failure is null)
            _loop.RunOnce(-1);
        lane.Stop();
        Assert.IsType<IndexOutOfRangeException>(_inbox.Failure);
        Assert.True(lane.Epoch.HasPassed(lane.Epoch.Value));
    }

    [Fact]
    public void Lane_that_is_stopped_has_not_failed()
    {
        using var lane = new Lane(0, _noQueue, readsTun: false, isStream: true, new Published(), _inbox);
        lane.Start();
        lane.Stop();
        Assert.Null(_inbox.Failure);
        Assert.True(lane.Epoch.HasPassed(lane.Epoch.Value));
    }
}
