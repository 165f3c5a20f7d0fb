using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Events;

public sealed class EventLoopTests : IDisposable
{
    private readonly EventLoop _loop;
    private readonly int _fd = Sys.Check(Sys.EventFd(), "eventfd");
    private readonly int _other = Sys.Check(Sys.EventFd(), "eventfd");

    private long _nowMs = 1_000_000;

    public EventLoopTests() => _loop = new EventLoop(() => _nowMs);

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
        _loop.Schedule(new Deadline(() => calls++), 0);
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
        _loop.Schedule(new Deadline(() => calls.Add("deadline")), 0);
        Sys.EventFdSignal(_fd);
        _loop.RunOnce(-1);
        Assert.Equal(["wake", "descriptor", "deadline"], calls);
    }

    // ---- deadlines ------------------------------------------------------------------------------------------------

    [Fact]
    public void Deadlines_are_met_in_their_order_each_once()
    {
        List<int> met = [];
        foreach (int i in (int[])[3, 1, 4, 2, 5])
            _loop.Schedule(new Deadline(() => met.Add(i)), _nowMs - 10 + i);
        _loop.RunOnce(-1);
        Assert.Equal([1, 2, 3, 4, 5], met);
        Assert.Equal(0, _loop.DeadlineCount);
        _loop.RunOnce(0);
        Assert.Equal(5, met.Count);
    }

    [Fact]
    public void Deadline_to_come_is_not_met_yet()
    {
        int met = 0;
        _loop.Schedule(new Deadline(() => met++), _nowMs + 10);
        _nowMs += 9;
        _loop.RunOnce(0);
        Assert.Equal(0, met);
        _nowMs++;
        _loop.RunOnce(-1);
        Assert.Equal(1, met);
    }

    [Fact]
    public void Deadline_ends_the_waiting()
    {
        using var loop = new EventLoop();
        long due = loop.NowMs + 5, metAt = 0;
        loop.Schedule(new Deadline(() => metAt = loop.NowMs), due);
        while (metAt == 0)
            loop.RunOnce(-1);
        Assert.True(metAt >= due);
    }

    [Fact]
    public void Deadline_that_is_scheduled_anew_is_met_at_the_new_time_alone()
    {
        List<long> met = [];
        var deadline = new Deadline(() => met.Add(_nowMs));
        for (int i = 0; i < 1_000; i++)
            _loop.Schedule(deadline, _nowMs + 5 + (i % 7));
        Assert.Equal(1, _loop.DeadlineCount);
        _loop.Schedule(deadline, _nowMs + 20);
        for (int i = 0; i < 30; i++, _nowMs++)
            _loop.RunOnce(0);
        Assert.Equal([1_000_020], met);
    }

    [Fact]
    public void Cancelled_deadline_is_not_met()
    {
        var deadline = new Deadline(() => Assert.Fail("it came"));
        _loop.Cancel(deadline);
        _loop.Schedule(deadline, _nowMs);
        _loop.Cancel(deadline);
        Assert.False(deadline.IsScheduled);
        Assert.Equal(0, _loop.DeadlineCount);
        _loop.RunOnce(0);
    }

    [Fact]
    public void Deadline_may_cancel_another_that_is_due()
    {
        var other = new Deadline(() => Assert.Fail("it came"));
        _loop.Schedule(new Deadline(() => _loop.Cancel(other)), _nowMs - 1);
        _loop.Schedule(other, _nowMs);
        _loop.RunOnce(-1);
    }

    [Fact]
    public void Deadline_that_sets_itself_for_now_leaves_the_loop_its_other_work()
    {
        int met = 0;
        Deadline again = null!;
        again = new Deadline(() =>
        {
            met++;
            _loop.Schedule(again, _nowMs);
        });
        _loop.Schedule(again, _nowMs);
        _loop.RunOnce(-1);
        Assert.Equal(1, met);
        _loop.RunOnce(-1);
        Assert.Equal(2, met);
    }

    [Fact]
    public void Never_is_later_than_any_wait()
    {
        _loop.Schedule(new Deadline(() => Assert.Fail("it came")), long.MaxValue);
        _loop.RunOnce(0);
        Sys.EventFdSignal(_fd);
        _loop.Watch(_fd, EPOLLIN, _ => { });
        _loop.RunOnce(-1);
    }

    /// <summary>Against a list that is searched.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_schedules_are_met_as_a_searched_list_says(int seed)
    {
        var random = new Random(seed);
        var heap = new Deadline.Heap();
        Deadline[] deadlines = [.. Enumerable.Range(0, 60).Select(_ => new Deadline(() => { }))];
        long[] times = [.. Enumerable.Repeat(long.MaxValue, deadlines.Length)];
        for (int step = 0; step < 20_000; step++)
        {
            int i = random.Next(deadlines.Length);
            if (random.Next(4) == 0)
            {
                long nowMs = random.Next(1_000);
                Deadline? due = heap.TakeDue(nowMs);
                Assert.Equal(times.Min() <= nowMs, due is not null);
                if (due is null)
                    continue;
                i = Array.IndexOf(deadlines, due);
                Assert.Equal(times.Min(), times[i]);
                times[i] = long.MaxValue;
            }
            else
            {
                times[i] = random.Next(5) == 0 ? long.MaxValue : random.Next(1_000);
                heap.Set(deadlines[i], times[i]);
            }

            Assert.Equal(times.Min(), heap.FirstMs);
            Assert.Equal(times.Count(time => time != long.MaxValue), heap.Count);
        }
    }
}
