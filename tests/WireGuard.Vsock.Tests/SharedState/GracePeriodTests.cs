using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed class GracePeriodTests
{
    private readonly LaneEpoch _lane = new();
    private readonly LaneEpoch _otherLane = new();
    private readonly GracePeriod _grace;

    public GracePeriodTests() => _grace = new GracePeriod([_lane, _otherLane]);

    [Fact]
    public void Nothing_is_disposed_before_it_is_polled()
    {
        Thing thing = Retire();
        Assert.False(_grace.IsEmpty);
        Assert.Equal(0, thing.Disposals);
        _grace.Poll();
        Assert.Equal(1, thing.Disposals);
        Assert.True(_grace.IsEmpty);
        _grace.Poll();
        Assert.Equal(1, thing.Disposals);
    }

    [Fact]
    public void Lane_that_was_in_a_batch_at_the_time_is_waited_for()
    {
        _lane.Enter();
        Thing thing = Retire();
        _grace.Poll();
        Assert.Equal(0, thing.Disposals);
        _otherLane.Enter();
        _grace.Poll();
        Assert.Equal(0, thing.Disposals);
        _lane.Leave();
        _grace.Poll();
        Assert.Equal(1, thing.Disposals);
    }

    [Fact]
    public void Who_waits_finds_all_disposed_of_once_lanes_are_through()
    {
        _lane.Enter();
        Thing thing = Retire();
        Thread lane = new(_lane.Leave);
        lane.Start();
        _grace.Wait();
        Assert.Equal(1, thing.Disposals);
        Assert.True(_grace.IsEmpty);
        lane.Join();
    }

    [Fact]
    public void Every_lane_is_waited_for()
    {
        _lane.Enter();
        _otherLane.Enter();
        Thing thing = Retire();
        _otherLane.Leave();
        _grace.Poll();
        Assert.Equal(0, thing.Disposals);
        _lane.Leave();
        _grace.Poll();
        Assert.Equal(1, thing.Disposals);
    }

    [Fact]
    public void Lane_that_is_in_a_later_batch_is_not_waited_for()
    {
        _lane.Enter();
        Thing thing = Retire();
        _lane.Leave();
        _lane.Enter();
        _grace.Poll();
        Assert.Equal(1, thing.Disposals);
    }

    [Fact]
    public void Lane_that_begins_a_batch_afterwards_is_not_waited_for()
    {
        Thing thing = Retire();
        _lane.Enter();
        _grace.Poll();
        Assert.Equal(1, thing.Disposals);
    }

    [Fact]
    public void What_was_retired_later_waits_for_its_own_lanes()
    {
        Thing first = Retire();
        _lane.Enter();
        Thing second = Retire(), third = Retire();
        _grace.Poll();
        Assert.Equal((1, 0, 0), (first.Disposals, second.Disposals, third.Disposals));
        _lane.Leave();
        _grace.Poll();
        Assert.Equal((1, 1, 1), (first.Disposals, second.Disposals, third.Disposals));
    }

    [Fact]
    public void Without_lanes_nobody_is_waited_for()
    {
        var grace = new GracePeriod([]);
        var thing = new Thing();
        grace.Retire(thing);
        grace.Poll();
        Assert.Equal(1, thing.Disposals);
    }

    [Fact]
    public void Lane_never_finds_what_was_disposed()
    {
        var current = new Thing();
        Thing[] published = [current];
        bool isStopping = false;
        int found = 0;
        Thread[] lanes = [.. ((LaneEpoch[])[_lane, _otherLane]).Select(epoch => new Thread(() =>
        {
            while (!Volatile.Read(ref isStopping))
            {
                epoch.Enter();
                Thing thing = Volatile.Read(ref published[0]);
                for (int i = 0; i < 20; i++)
                    found += Volatile.Read(ref thing.Disposals); // anything but zero is too late
                epoch.Leave();
            }
        }))];
        foreach (Thread lane in lanes)
            lane.Start();
        for (int i = 0; i < 100_000; i++)
        {
            Thing old = published[0];
            Volatile.Write(ref published[0], new Thing());
            _grace.Retire(old);
            _grace.Poll();
        }

        Volatile.Write(ref isStopping, true);
        foreach (Thread lane in lanes)
            lane.Join();
        _grace.Poll();
        Assert.True(_grace.IsEmpty);
        Assert.Equal(0, found);
    }

    private Thing Retire()
    {
        var thing = new Thing();
        _grace.Retire(thing);
        return thing;
    }

    private sealed class Thing : IDisposable
    {
        public int Disposals;

        public void Dispose() => Volatile.Write(ref Disposals, Disposals + 1);
    }
}
