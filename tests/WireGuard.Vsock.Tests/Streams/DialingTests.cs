using WireGuard.Vsock.Streams;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>When the next attempt to dial is due.</summary>
public sealed class DialingTests
{
    [Fact]
    public void Backoff_doubles_from_half_a_second_to_30_s_give_or_take_a_quarter()
    {
        var random = new Random(1);
        for (int run = 0; run < 200; run++)
        {
            var dialing = new Dialing(random);
            foreach (int delay in (int[])[500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
                Assert.InRange(dialing.Fail(0), Math.Max(500, delay * 3 / 4), Math.Min(30_000, delay * 5 / 4));
        }
    }

    [Fact]
    public void Peers_do_not_dial_in_step()
    {
        var random = new Random(1);
        HashSet<int> delays = [];
        for (int run = 0; run < 1_000; run++)
        {
            var dialing = new Dialing(random);
            dialing.Fail(0);
            delays.Add(dialing.Fail(0));
        }

        Assert.True(delays.Count > 100);
        Assert.True(delays.Max() - delays.Min() > 400); // of 500
    }

    [Fact]
    public void Reset_backoff_begins_at_once_and_from_the_start()
    {
        var dialing = new Dialing(new Random(1));
        for (int i = 0; i < 10; i++)
            dialing.Fail(1_000_000);
        dialing.ResetBackoff();
        Assert.Equal(0, dialing.NotBeforeMs);
        Assert.InRange(dialing.Fail(0), 500, 625);
    }

    [Fact]
    public void Deadline_is_that_of_the_attempt_under_way_or_of_the_next_one()
    {
        var dialing = new Dialing(new Random(1));
        int delayMs = dialing.Fail(6_000);
        Assert.Equal(long.MaxValue, dialing.NextDeadline);
        dialing.WantedMs = 5_000;
        Assert.Equal(6_000 + delayMs, dialing.NextDeadline);
        dialing.Attempt = new PeerConnection(nowMs: 7_000);
        Assert.Equal(7_000 + Dialing.ConnectTimeoutMs, dialing.NextDeadline);
        dialing.Attempt.State = ConnectionState.Unauthenticated;
        Assert.Equal(long.MaxValue, dialing.NextDeadline);
    }

    [Fact]
    public void Nothing_is_dialled_at_first()
    {
        var dialing = new Dialing(new Random(1));
        Assert.False(dialing.IsConnecting);
        Assert.Equal(long.MaxValue, dialing.NextDeadline);
    }

    [Fact]
    public void Delay_outlives_an_attempt_that_is_forgotten()
    {
        var dialing = new Dialing(new Random(1)) { WantedMs = 1_000 };
        int delayMs = dialing.Fail(1_000);
        dialing.Forget();
        Assert.Equal(long.MaxValue, dialing.NextDeadline);
        Assert.Equal(1_000 + delayMs, dialing.NotBeforeMs);
    }
}
