using WireGuard.Daemon.Control;
using WireGuard.Daemon.Interop;
using static WireGuard.Daemon.Interop.Libc;

namespace WireGuard.Daemon.Tests.Control;

public sealed class ControlLoopTests : IDisposable
{
    private readonly ControlLoop _loop = new();
    private readonly int _fd = Sys.Check(Sys.EventFd(), "eventfd");
    private readonly int _other = Sys.Check(Sys.EventFd(), "eventfd");

    public void Dispose()
    {
        _loop.Dispose();
        Sys.Close(_fd);
        Sys.Close(_other);
    }

    // ---- descriptors ----------------------------------------------------------------------------------------------

    [Fact]
    public void Ready_descriptor_is_told_of_as_long_as_it_is_ready()
    {
        int calls = 0;
        _loop.Watch(_fd, EPOLLIN, events =>
        {
            Assert.Equal(EPOLLIN, events);
            calls++;
        });
        _loop.RunOnce(0);
        Assert.Equal(0, calls);
        Sys.EventFdSignal(_fd);
        _loop.RunOnce(-1);
        _loop.RunOnce(-1);
        Assert.Equal(2, calls);
        Sys.EventFdReset(_fd);
        _loop.RunOnce(0);
        Assert.Equal(2, calls);
    }

    [Fact]
    public void Watch_that_was_ended_is_not_told_though_its_event_was_under_way()
    {
        int calls = 0;
        ulong first = 0, second = 0;
        first = _loop.Watch(_fd, EPOLLIN, _ =>
        {
            calls++;
            _loop.Unwatch(second, _other);
        });
        second = _loop.Watch(_other, EPOLLIN, _ =>
        {
            calls++;
            _loop.Unwatch(first, _fd);
        });
        Sys.EventFdSignal(_fd);
        Sys.EventFdSignal(_other);
        _loop.RunOnce(-1);
        Assert.Equal(1, calls);
    }

    [Fact]
    public void New_watch_of_the_same_descriptor_does_not_get_the_old_ones_events()
    {
        List<string> calls = [];
        ulong old = _loop.Watch(_fd, EPOLLIN, _ => calls.Add("old"));
        _loop.Watch(_other, EPOLLIN, _ =>
        {
            Sys.EventFdReset(_other);
            _loop.Unwatch(old, _fd);
            _loop.Watch(_fd, EPOLLIN, _ => calls.Add("new"));
        });
        Sys.EventFdSignal(_other); // ready first, told of first
        Sys.EventFdSignal(_fd);
        _loop.RunOnce(-1);
        Assert.Empty(calls);
        _loop.RunOnce(-1);
        Assert.Equal(["new"], calls);
    }

    [Fact]
    public void What_is_waited_for_can_be_changed()
    {
        int calls = 0;
        ulong watch = _loop.Watch(_fd, 0, _ => calls++);
        Sys.EventFdSignal(_fd);
        _loop.RunOnce(0);
        Assert.Equal(0, calls);
        _loop.Change(watch, _fd, EPOLLIN);
        _loop.RunOnce(0);
        Assert.Equal(1, calls);
    }

    [Fact]
    public void Ending_a_watch_twice_does_no_harm()
    {
        ulong watch = _loop.Watch(_fd, EPOLLIN, _ => { });
        _loop.Unwatch(watch, _fd);
        _loop.Watch(_fd, EPOLLIN, _ => { });
        _loop.Unwatch(watch, _fd);
        Sys.EventFdSignal(_fd);
        int calls = 0;
        _loop.At(0, () => calls++);
        _loop.RunOnce(-1);
        Assert.Equal(1, calls);
    }

    [Fact]
    public void Descriptor_that_cannot_be_watched_is_a_failed_call() =>
        Assert.Equal(Errno.EBADF, Assert.Throws<LinuxException>(() => _loop.Watch(-1, EPOLLIN, _ => { })).Errno);

    [Fact]
    public void Descriptor_that_cannot_be_watched_is_told_of_to_whom_can_do_without()
    {
        Assert.Equal(-Errno.EBADF, _loop.TryWatch(-1, EPOLLIN, _ => Assert.Fail("it is not watched"), out ulong watch));
        _loop.Unwatch(watch, -1);
        Assert.Equal(0, _loop.TryWatch(_fd, EPOLLIN, _ => { }, out ulong next));
        Assert.NotEqual(watch, next);
    }

    [Fact]
    public void Waking_comes_before_all_that_was_waited_for()
    {
        List<string> calls = [];
        long before = _loop.NowMs;
        _loop.OnWake = () => calls.Add(_loop.NowMs >= before ? "wake" : "old time");
        _loop.Watch(_fd, EPOLLIN, _ => calls.Add("descriptor"));
        _loop.At(0, () => calls.Add("deadline"));
        Sys.EventFdSignal(_fd);
        _loop.RunOnce(-1);
        Assert.Equal(["wake", "descriptor", "deadline"], calls);
    }

    // ---- deadlines ------------------------------------------------------------------------------------------------

    [Fact]
    public void Deadlines_are_met_in_their_order_each_once()
    {
        List<int> met = [];
        long now = _loop.NowMs;
        foreach (int i in (int[])[3, 1, 4, 2, 5])
            _loop.At(now - 10 + i, () => met.Add(i));
        _loop.RunOnce(-1);
        Assert.Equal([1, 2, 3, 4, 5], met);
        _loop.RunOnce(0);
        Assert.Equal(5, met.Count);
    }

    [Fact]
    public void Deadline_to_come_is_not_met_yet()
    {
        int met = 0;
        _loop.At(_loop.NowMs + 3_600_000, () => met++);
        _loop.RunOnce(0);
        Assert.Equal(0, met);
    }

    [Fact]
    public void Deadline_ends_the_waiting()
    {
        long due = _loop.NowMs + 5, metAt = 0;
        _loop.At(due, () => metAt = _loop.NowMs);
        while (metAt == 0)
            _loop.RunOnce(-1);
        Assert.True(metAt >= due);
    }

    [Fact]
    public void Deadline_that_another_sets_for_now_is_met_in_the_same_turn()
    {
        int met = 0;
        _loop.At(0, () => _loop.At(_loop.NowMs, () => met++));
        _loop.RunOnce(-1);
        Assert.Equal(1, met);
    }

    [Fact]
    public void Never_is_later_than_any_wait()
    {
        _loop.At(long.MaxValue, () => Assert.Fail("it came"));
        _loop.RunOnce(0);
        Sys.EventFdSignal(_fd);
        _loop.Watch(_fd, EPOLLIN, _ => { });
        _loop.RunOnce(-1);
    }
}
