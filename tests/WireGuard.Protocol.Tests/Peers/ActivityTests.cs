using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>What lanes note, and whom they tell.</summary>
public sealed class ActivityTests
{
    private const long Now = 1_000_000;
    private readonly Activity _activity = new();

    [Fact]
    public void Oldest_unanswered_data_counts()
    {
        _activity.DataSent(Now);
        _activity.DataSent(Now + 1);
        Assert.Equal(Now, _activity.SentUnansweredSince);
        _activity.Received(Now + 2);
        Assert.Equal(0, _activity.SentUnansweredSince);

        _activity.DataReceived(Now + 3);
        _activity.DataReceived(Now + 4);
        Assert.Equal(Now + 3, _activity.ReceivedUnansweredSince);
        _activity.Sent(Now + 5);
        Assert.Equal(0, _activity.ReceivedUnansweredSince);
        Assert.Equal(Now + 5, _activity.LastTraversal);
    }

    [Fact]
    public void Data_received_answers_data_sent_and_the_other_way_round()
    {
        _activity.DataSent(Now);
        _activity.DataReceived(Now + 1);
        Assert.Equal((0, Now + 1), (_activity.SentUnansweredSince, _activity.ReceivedUnansweredSince));
        _activity.DataSent(Now + 2);
        Assert.Equal((Now + 2, 0), (_activity.SentUnansweredSince, _activity.ReceivedUnansweredSince));
    }

    [Fact]
    public void Keepalives_start_nothing()
    {
        _activity.Sent(Now);
        _activity.Received(Now);
        Assert.Equal((0, 0), (_activity.SentUnansweredSince, _activity.ReceivedUnansweredSince));
        Assert.Equal(Now, _activity.LastTraversal);
    }

    [Fact]
    public void First_timer_that_starts_is_told_and_no_other_while_control_watches()
    {
        Assert.True(_activity.DataSent(Now));
        Assert.False(_activity.DataSent(Now)); // runs already
        Assert.False(_activity.DataReceived(Now)); // starts, but control was told
        Assert.False(_activity.DataSent(Now));
    }

    [Fact]
    public void Nothing_is_told_while_control_watches()
    {
        _activity.Watch();
        Assert.False(_activity.DataSent(Now));
        Assert.False(_activity.DataReceived(Now));
    }

    [Fact]
    public void Control_stops_watching_when_no_timer_runs_and_is_then_told_of_the_next()
    {
        _activity.Watch();
        _activity.DataSent(Now);
        Assert.False(_activity.TryStopWatching());
        Assert.False(_activity.DataReceived(Now)); // still watched
        Assert.False(_activity.TryStopWatching());
        _activity.Sent(Now);
        Assert.True(_activity.TryStopWatching());
        Assert.True(_activity.DataReceived(Now));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_wake_up_is_lost_between_two_threads(bool isReceived)
    {
        const int Rounds = 50_000;
        int round = 0, ready = 0, lost = 0;
        bool wasTold = false;
        var lane = new Thread(() =>
        {
            for (int i = 1; i <= Rounds; i++)
            {
                SpinUntil(ref round, i);
                wasTold = isReceived ? _activity.DataReceived(Now) : _activity.DataSent(Now);
                Volatile.Write(ref ready, i);
            }
        });
        lane.Start();
        for (int i = 1; i <= Rounds; i++)
        {
            _activity.HandshakeBegan();
            _activity.KeepaliveDue();
            _activity.Watch();
            Volatile.Write(ref round, i);
            bool hasStopped = _activity.TryStopWatching();
            SpinUntil(ref ready, i);
            if (hasStopped && !wasTold)
                lost++;
        }

        lane.Join();
        Assert.Equal(0, lost);
    }

    [Fact]
    public void Noting_allocates_nothing() => Assert.Equal(0, Allocations.Of(() =>
    {
        for (int i = 0; i < 100; i++)
        {
            _activity.DataSent(Now + i);
            _activity.DataReceived(Now + i);
        }
    }));

    private static void SpinUntil(ref int value, int expected)
    {
        var wait = new SpinWait();
        while (Volatile.Read(ref value) != expected)
            wait.SpinOnce(sleep1Threshold: -1);
    }
}
