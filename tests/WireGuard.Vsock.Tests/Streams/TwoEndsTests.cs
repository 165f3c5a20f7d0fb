using CsCheck;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>Two ends that dial each other, in whatever order things happen: they end with the same connections.</summary>
public sealed class TwoEndsTests
{
    [Fact]
    public void Ends_that_dial_each_other_at_once_settle_on_the_same_one_connection() =>
        Gen.Int[0, 1_000_000].Sample(seed => Settle(seed, limit: 1, trouble: 0), iter: 1_000);

    [Fact]
    public void Ends_settle_on_one_connection_whatever_was_refused_or_broke_before() =>
        Gen.Int[0, 1_000_000].Sample(seed => Settle(seed, limit: 1, trouble: 20), iter: 1_000);

    [Fact]
    public void Ends_that_take_several_settle_on_the_same_ones() =>
        Gen.Int[0, 1_000_000].Sample(seed => Settle(seed, limit: 4, trouble: 0), iter: 300);

    [Theory]
    [InlineData(0, 250)]
    [InlineData(250, 500)]
    public void Ends_that_take_several_settle_on_the_same_ones_whatever_broke_before(int firstSeed, int end)
    {
        for (int seed = firstSeed; seed < end; seed++)
            Settle(seed, limit: 4, trouble: 20);
    }

    /// <summary>
    /// Once in some 25,000 schedules, ends that both dial several go on superseding each other's after trouble: what joined the
    /// one at one end joined another at the other. They always have some in common.
    /// </summary>
    [Theory]
    [InlineData(400_570)]
    [InlineData(446_276)]
    public void Ends_that_do_not_settle_have_some_in_common(int seed) => Settle(seed, limit: 4, trouble: 20, mustBeSame: false);

    private static void Settle(int seed, int limit, int trouble, bool mustBeSame = true)
    {
        var random = new Random(seed);
        var ends = new TwoEnds(seed, limit);
        ends.Check = () => Array.ForEach(ends.Ends, Check);
        long began = ends.NowMs, quiet = began + (trouble == 0 ? 1_000 : 30_000);
        ends.RefusedOfTen = trouble == 0 ? 0 : 3;
        foreach (TwoEnds.End end in ends.Ends)
        {
            ends.SendAt(began + random.Next(1_000), end);
            for (long ms = began + 1_000; ms < quiet + 90_000; ms += random.Next(50, 1_000))
                ends.SendAt(ms, end);
        }

        for (int i = 0; i < trouble; i++)
            ends.BreakAt(began + random.Next(30_000));
        ends.At(quiet, () => ends.RefusedOfTen = 0);
        ends.RunUntil(quiet + 90_000);
        HashSet<TwoEnds.Wire> here = [.. TwoEnds.Used(ends.Ends[0])], there = [.. TwoEnds.Used(ends.Ends[1])];
        Assert.True(here.Overlaps(there), "both ends have some in common");
        if (!mustBeSame)
            return;
        Assert.True(here.SetEquals(there), "both ends use the same");
        // After trouble each end may have dialled its own destination, of those that both use: then each dials more.
        int most = trouble == 0 || limit == 1 ? limit : DaemonOptions.MaxStreams;
        Assert.InRange(here.Count, limit, most);
        Assert.All(ends.Ends, end => Assert.Equal(here.Count, end.Connections.State.All.Count));
    }

    /// <summary>What holds at any time.</summary>
    private static void Check(TwoEnds.End end)
    {
        PeerConnections state = end.Connections.State;
        Assert.InRange(state.Used.Count(), 0, DaemonOptions.MaxStreams);
        Assert.InRange(state.All.Count, 0, 2 * DaemonOptions.MaxStreams);
        bool lives = state.All.Any(connection => connection is { IsAlive: true, State: not ConnectionState.Silent });
        if (lives)
            Assert.Contains(state.Destination, state.All);
        if (state.Destination is { } destination)
            Assert.Equal(ConnectionState.InUse, destination.State);
        Assert.All(state.All, connection =>
            Assert.InRange(connection.State, ConnectionState.Standby, ConnectionState.Silent));
    }
}
