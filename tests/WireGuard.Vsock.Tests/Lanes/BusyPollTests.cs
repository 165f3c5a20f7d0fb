using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>Each reading of the clock is <see cref="_stepUs"/> after the one before.</summary>
public sealed class BusyPollTests : IDisposable
{
    private const ulong Mark = 7;

    private readonly int _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
    private readonly int _fd = Sys.Check(Sys.EventFd(), "eventfd");
    private readonly EpollEvents _events = new(4);
    private readonly BusyPoll _poll;
    private long _nowUs = 1_000_000;
    private long _stepUs;

    public BusyPollTests()
    {
        Sys.Check(Sys.EpollAdd(_epoll, _fd, EPOLLIN, Mark), "epoll_ctl");
        _poll = new BusyPoll(() => _nowUs += _stepUs);
    }

    public void Dispose()
    {
        Sys.Close(_epoll);
        Sys.Close(_fd);
    }

    /// <summary>Each wait reads the clock twice, and takes one step.</summary>
    [Fact]
    public void What_is_not_waited_is_busy()
    {
        Assert.Equal(0, _poll.BusyUs);
        _nowUs += 100;
        Assert.Equal(100, _poll.BusyUs);
        _stepUs = 30;
        Wait();
        _stepUs = 0;
        Assert.Equal(130, _poll.BusyUs);
        _nowUs += 5;
        Assert.Equal(135, _poll.BusyUs);
    }

    [Fact]
    public void Polling_in_vain_is_waiting()
    {
        Sleep(100_000);
        long busyUs = _poll.BusyUs;
        Look(2);
        Assert.InRange(_poll.BusyUs - busyUs, 0, 4);
    }

    [Fact]
    public void Event_that_is_there_is_found_at_once()
    {
        Sleep(10_000);
        Sys.EventFdSignal(_fd);
        _stepUs = 2;
        Assert.Equal(1, _poll.Wait(_epoll, _events, -1));
        Assert.Equal(Mark, _events.Data(0));
        Assert.Equal(0, _poll.Looks);
    }

    [Fact]
    public void Who_has_not_slept_does_not_look_again()
    {
        _stepUs = 0;
        Wait();
        Wait();
        Assert.Equal(0, _poll.Looks);
    }

    [Fact]
    public void Who_has_slept_looks_for_as_long_as_the_window()
    {
        Sleep(100_000);
        Look(2);
        Assert.Equal(BusyPoll.WindowUs / 2, _poll.Looks);
    }

    [Fact]
    public void Looking_costs_at_most_a_tenth_of_the_sleep()
    {
        Sleep(BusyPoll.WindowUs * BusyPoll.SleptPerPolled);
        Look(2);
        long looks = _poll.Looks;
        Assert.Equal(BusyPoll.WindowUs / 2, looks);
        Sleep(BusyPoll.LongSleepUs);
        Look(2);
        Assert.Equal(looks, _poll.Looks);
        Sleep(BusyPoll.LongSleepUs);
        Look(2);
        Assert.NotEqual(looks, _poll.Looks);
    }

    [Fact]
    public void Short_sleeps_earn_nothing()
    {
        for (int i = 0; i < 100; i++)
            Sleep(BusyPoll.LongSleepUs - 1);
        Look(2);
        Assert.Equal(0, _poll.Looks);
    }

    [Fact]
    public void Long_sleep_earns_no_more_than_five_windows()
    {
        Sleep(60_000_000);
        for (int i = 0; i < 10; i++)
            Look(2);
        Assert.Equal(BusyPoll.MaxCreditUs / 2, _poll.Looks);
    }

    [Fact]
    public void Whoever_else_wants_the_processor_ends_it()
    {
        Sleep(100_000);
        Look(BusyPoll.InterruptionUs);
        Assert.Equal(1, _poll.Looks);
        Look(2);
        Assert.Equal(1, _poll.Looks);
    }

    [Fact]
    public void Timeout_is_kept()
    {
        Sleep(100_000);
        _stepUs = 2;
        long began = Sys.MonotonicMs();
        Assert.Equal(0, _poll.Wait(_epoll, _events, 30));
        Assert.True(Sys.MonotonicMs() - began >= 29);
    }

    /// <summary>Has it sleep for that long, by the clock, without looking before.</summary>
    private void Sleep(long us)
    {
        _stepUs = us;
        Wait();
        _stepUs = 0;
    }

    /// <summary>Has it wait, every look taking that long; the sleep after it takes no longer.</summary>
    private void Look(long us)
    {
        _stepUs = us;
        Wait();
        _stepUs = 0;
    }

    private void Wait() => Assert.Equal(0, _poll.Wait(_epoll, _events, 0));
}
