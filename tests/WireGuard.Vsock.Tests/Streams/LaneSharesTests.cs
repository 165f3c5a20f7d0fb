using WireGuard.Vsock.Streams;

namespace WireGuard.Vsock.Tests.Streams;

public sealed class LaneSharesTests
{
    [Fact]
    public void Lanes_get_one_connection_after_the_other()
    {
        var shares = new LaneShares(3);
        Assert.Equal([0, 1, 2, 0, 1, 2], Enumerable.Range(0, 6).Select(_ => shares.Take([])));
    }

    [Fact]
    public void Lane_whose_connection_ended_gets_the_next()
    {
        var shares = new LaneShares(3);
        for (int i = 0; i < 6; i++)
            shares.Take([]);
        shares.GiveBack(1);
        Assert.Equal([1, 0, 1, 2], Enumerable.Range(0, 4).Select(_ => shares.Take([])));
    }

    [Fact]
    public void Lane_that_owns_none_of_the_peers_comes_before_one_that_owns_few_in_all()
    {
        var shares = new LaneShares(2);
        shares.Take([]);
        shares.Take([]);
        shares.GiveBack(0);
        Assert.Equal(1, shares.Take([0]));
    }
}
