using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed class DialStateTests
{
    [Fact]
    public void Backoff_doubles_from_half_a_second_to_30_s_give_or_take_a_quarter()
    {
        for (int run = 0; run < 200; run++)
        {
            var dial = new DialState();
            foreach (int delay in (int[])[500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
                Assert.InRange(dial.NextDelayMs(), Math.Max(500, delay * 3 / 4), Math.Min(30_000, delay * 5 / 4));
        }
    }

    [Fact]
    public void Peers_do_not_dial_in_step()
    {
        HashSet<int> delays = [];
        for (int run = 0; run < 1_000; run++)
        {
            var dial = new DialState();
            dial.NextDelayMs();
            delays.Add(dial.NextDelayMs());
        }

        Assert.True(delays.Count > 100);
        Assert.True(delays.Max() - delays.Min() > 400); // of 500
    }

    [Fact]
    public void Reset_backoff_begins_at_once_and_from_the_start()
    {
        var dial = new DialState { NotBeforeMs = 1_000_000 };
        for (int i = 0; i < 10; i++)
            dial.NextDelayMs();
        dial.ResetBackoff();
        Assert.Equal(0, dial.NotBeforeMs);
        Assert.InRange(dial.NextDelayMs(), 500, 625);
    }

    [Fact]
    public void Deadline_is_that_of_the_attempt_under_way_or_of_the_next_one()
    {
        var dial = new DialState { NotBeforeMs = 7_000, StartedMs = 6_000 };
        Assert.Equal(long.MaxValue, dial.NextDeadline);
        dial.WantedMs = 5_000;
        Assert.Equal(7_000, dial.NextDeadline);
        dial.ConnectingFd = 3;
        Assert.Equal(6_000 + DialState.ConnectTimeoutMs, dial.NextDeadline);
    }

    [Fact]
    public void Nothing_is_dialled_at_first()
    {
        var dial = new DialState();
        Assert.False(dial.IsConnecting);
        dial.ConnectingFd = 0;
        Assert.True(dial.IsConnecting);
    }
}
