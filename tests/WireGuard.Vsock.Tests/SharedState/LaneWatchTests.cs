using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed class LaneWatchTests
{
    private readonly LaneEpoch[] _epochs = [new(), new(), new()];
    private readonly HashSet<int> _hanging = [];
    private readonly LaneWatch _watch;

    public LaneWatchTests() => _watch = new LaneWatch(_epochs, Turn);

    [Fact]
    public void Lanes_that_take_turns_are_well()
    {
        for (int i = 0; i < 5; i++)
            Assert.Null(_watch.FindStuck());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_lane_that_is_not_woken_any_more_is_found(int lane)
    {
        _hanging.Add(lane);
        Assert.Null(_watch.FindStuck());
        Assert.Equal(lane, _watch.FindStuck());
        _hanging.Clear();
        Assert.Equal(lane, _watch.FindStuck());
        Assert.Null(_watch.FindStuck());
    }

    [Fact]
    public void A_lane_that_does_not_end_its_turn_is_found()
    {
        Assert.Null(_watch.FindStuck());
        _epochs[1].Enter();
        _hanging.Add(1);
        Assert.Null(_watch.FindStuck());
        Assert.Equal(1, _watch.FindStuck());
    }

    private void Turn(int lane)
    {
        if (_hanging.Contains(lane))
            return;
        _epochs[lane].Enter();
        _epochs[lane].Leave();
    }
}
