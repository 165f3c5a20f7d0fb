using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Session;

namespace WireGuard.Protocol.Tests.Session;

/// <summary>
/// Section 6 of the paper, with a clock set by hand; its keepalives are in <see cref="KeepaliveTimersTests"/>. An initiation's jitter is 0 to
/// 333 ms.
/// </summary>
public sealed class PeerTimersTests
{
    private const long Now = 1_000_000;
    private const long Jitter = 333;
    private readonly PeerTimers _timers = new();

    private Activity Activity => _timers.Activity;

    [Fact]
    public void Nothing_is_due_at_first()
    {
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(Now));
        Assert.Equal(SessionAction.None, _timers.Poll(long.MaxValue - 1));
        Assert.True(_timers.MayInitiate(Now));
        Assert.True(_timers.MayInitiate(0));
    }

    // ---- section 6.4: retransmission ------------------------------------------------------------------------------

    [Fact]
    public void Initiation_without_an_answer_is_sent_again_after_REKEY_TIMEOUT_and_a_jitter()
    {
        _timers.InitiationSent(Now);
        long due = _timers.NextDeadline(Now);
        Assert.InRange(due, Now + 5_000, Now + 5_000 + Jitter);
        Assert.Equal(SessionAction.None, _timers.Poll(due - 1));
        Assert.Equal(SessionAction.RetryHandshake, _timers.Poll(due));
        Assert.Equal(SessionAction.None, _timers.Poll(due));
    }

    [Fact]
    public void Jitter_differs_and_fills_a_third_of_a_second()
    {
        List<long> jitters = [];
        for (int i = 0; i < 10_000; i++)
        {
            _timers.InitiationSent(Now);
            jitters.Add(_timers.NextDeadline(Now) - Now - 5_000);
        }

        Assert.Equal((0, Jitter), (jitters.Min(), jitters.Max()));
    }

    [Fact]
    public void Handshake_is_given_up_after_18_retries_about_90_s()
    {
        long now = Now;
        _timers.InitiationSent(now);
        for (int retry = 1; retry <= 18; retry++)
        {
            now = _timers.NextDeadline(now);
            Assert.Equal(SessionAction.RetryHandshake, _timers.Poll(now));
            Assert.True(_timers.MayInitiate(now));
            _timers.InitiationSent(now);
        }

        Assert.InRange(now, Now + 90_000, Now + 90_000 + (18 * Jitter));
        now = _timers.NextDeadline(now);
        Assert.Equal(SessionAction.AbandonHandshake, _timers.Poll(now));
        Assert.Equal(SessionAction.None, _timers.Poll(now + 60_000));
    }

    [Fact]
    public void What_waits_for_a_handshake_that_cannot_begin_is_dropped_after_REKEY_ATTEMPT_TIME()
    {
        _timers.HandshakeImpossible(Now);
        _timers.HandshakeImpossible(Now + 60_000); // more packets
        Assert.Equal(Now + 90_000, _timers.NextDeadline(Now));
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 89_999));
        Assert.Equal(SessionAction.DropStaged, _timers.Poll(Now + 90_000));
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 90_000));
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(Now + 90_000));
        Assert.True(_timers.MayInitiate(Now + 90_000));
    }

    [Fact]
    public void What_waits_is_not_dropped_once_a_handshake_has_begun_or_is_complete()
    {
        _timers.HandshakeImpossible(Now);
        _timers.InitiationSent(Now + 1_000);
        _timers.HandshakeImpossible(Now + 2_000); // the way was lost: the retransmission sees to it
        Assert.InRange(_timers.NextDeadline(Now), Now + 6_000, Now + 6_000 + Jitter);
        _timers.HandshakeComplete();
        _timers.HandshakeImpossible(Now + 3_000);
        _timers.HandshakeComplete();
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(Now));
        _timers.HandshakeImpossible(Now + 4_000);
        _timers.Stop();
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(Now));
    }

    [Fact]
    public void Retry_that_could_not_be_sent_is_asked_for_again()
    {
        long now = Now;
        _timers.InitiationSent(now);
        _timers.ResponseSent(now + 3_000); // one side's initiation was lost, the other's response
        now = _timers.NextDeadline(now);
        Assert.Equal(SessionAction.RetryHandshake, _timers.Poll(now));
        Assert.False(_timers.MayInitiate(now));

        long next = _timers.NextDeadline(now);
        Assert.InRange(next, now + 5_000, now + 5_000 + Jitter);
        Assert.Equal(SessionAction.RetryHandshake, _timers.Poll(next));
        Assert.True(_timers.MayInitiate(next));
    }

    [Fact]
    public void Retries_that_cannot_be_sent_come_to_an_end_too()
    {
        _timers.InitiationSent(Now);
        List<SessionAction> actions = [];
        for (long now = _timers.NextDeadline(Now); actions.Count < 100; now = _timers.NextDeadline(now))
        {
            actions.Add(_timers.Poll(now));
            if (actions[^1] == SessionAction.AbandonHandshake)
                break;
        }

        Assert.Equal(18, actions.Count(action => action == SessionAction.RetryHandshake));
        Assert.Equal(19, actions.Count);
    }

    [Fact]
    public void Traffic_starts_the_count_of_retries_anew()
    {
        long now = Retry(Now, 17);
        _timers.HandshakeWanted();
        now = Retry(now, 18);
        Assert.Equal(SessionAction.AbandonHandshake, _timers.Poll(_timers.NextDeadline(now)));
    }

    [Fact]
    public void Handshake_given_up_starts_the_count_of_retries_anew()
    {
        long now = Retry(Now, 18);
        now = _timers.NextDeadline(now);
        Assert.Equal(SessionAction.AbandonHandshake, _timers.Poll(now));
        now = Retry(now, 18);
        Assert.Equal(SessionAction.AbandonHandshake, _timers.Poll(_timers.NextDeadline(now)));
    }

    [Fact]
    public void Complete_handshake_stops_the_retries_and_their_count()
    {
        long now = Retry(Now, 17);
        _timers.HandshakeComplete();
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(now));
        Assert.Equal(SessionAction.None, _timers.Poll(now + 60_000));
        now = Retry(now + 60_000, 18);
        Assert.Equal(SessionAction.AbandonHandshake, _timers.Poll(_timers.NextDeadline(now)));
    }

    // ---- section 6.1: REKEY_TIMEOUT between initiations -----------------------------------------------------------

    [Fact]
    public void Initiation_must_wait_REKEY_TIMEOUT_after_the_last()
    {
        _timers.InitiationSent(Now);
        Assert.False(_timers.MayInitiate(Now + 4_999));
        Assert.True(_timers.MayInitiate(Now + 5_000));
    }

    [Fact]
    public void Initiation_must_wait_REKEY_TIMEOUT_after_a_response()
    {
        _timers.ResponseSent(Now);
        Assert.False(_timers.MayInitiate(Now + 4_999));
        Assert.True(_timers.MayInitiate(Now + 5_000));
    }

    [Fact]
    public void New_connection_waits_only_until_the_responder_takes_it_for_no_flood()
    {
        _timers.InitiationSent(Now);
        Assert.Equal(Now + 50, _timers.AllowInitiation(Now + 10));
        Assert.False(_timers.MayInitiate(Now + 49));
        Assert.True(_timers.MayInitiate(Now + 50));
    }

    [Fact]
    public void New_connection_need_not_wait_when_the_last_initiation_was_a_while_ago()
    {
        Assert.Equal(Now, _timers.AllowInitiation(Now));
        _timers.InitiationSent(Now);
        Assert.Equal(Now + 60, _timers.AllowInitiation(Now + 60));
        Assert.True(_timers.MayInitiate(Now + 60));
    }

    [Fact]
    public void New_connection_need_not_wait_after_a_response()
    {
        _timers.ResponseSent(Now);
        Assert.Equal(Now, _timers.AllowInitiation(Now));
        Assert.True(_timers.MayInitiate(Now));
    }

    // ---- section 6.2: a new handshake when data is not answered ---------------------------------------------------

    [Fact]
    public void Data_without_an_answer_begins_a_handshake_after_15_s()
    {
        Activity.DataSent(Now);
        Activity.DataSent(Now + 9_000); // the first counts
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 14_999));
        Assert.Equal(SessionAction.BeginHandshake, _timers.Poll(Now + 15_000 + Jitter));
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 15_000 + Jitter));
    }

    [Fact]
    public void Handshake_because_of_silence_is_due_to_the_millisecond()
    {
        Activity.DataSent(Now);
        long due = _timers.NextDeadline(Now + 10_000);
        Assert.InRange(due, Now + 15_000, Now + 15_000 + Jitter);
        Assert.Equal(SessionAction.None, _timers.Poll(due - 1));
        Assert.Equal(SessionAction.BeginHandshake, _timers.Poll(due));
    }

    [Fact]
    public void Anything_received_calls_that_handshake_off()
    {
        Activity.DataSent(Now);
        Activity.Received(Now + 14_000); // a keepalive
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 60_000));

        Activity.DataSent(Now);
        Activity.DataReceived(Now + 1);
        Activity.Sent(Now + 2);
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 60_000));
    }

    [Fact]
    public void Data_after_an_answer_waits_15_s_of_its_own()
    {
        Activity.DataSent(Now);
        Activity.Received(Now + 5_000);
        Activity.DataSent(Now + 6_000);
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 20_999));
        Assert.Equal(SessionAction.BeginHandshake, _timers.Poll(Now + 21_000 + Jitter));
    }

    [Fact]
    public void Keepalive_sent_waits_for_no_answer()
    {
        Activity.Sent(Now);
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 60_000));
    }

    // ---- section 6.3: zero keys -----------------------------------------------------------------------------------

    [Fact]
    public void Keys_are_wiped_after_540_s()
    {
        _timers.KeypairDerived(Now);
        Assert.Equal(Now + 540_000, _timers.NextDeadline(Now));
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 539_999));
        Assert.Equal(SessionAction.WipeKeys, _timers.Poll(Now + 540_000));
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 540_000));
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(Now + 540_000));
    }

    [Fact]
    public void Newer_keypair_puts_the_wiping_off()
    {
        _timers.KeypairDerived(Now);
        _timers.KeypairDerived(Now + 120_000);
        Assert.Equal(Now + 660_000, _timers.NextDeadline(Now + 120_000));
    }

    [Fact]
    public void Keys_are_wiped_540_s_after_a_handshake_was_given_up()
    {
        long now = _timers.NextDeadline(Retry(Now, 18));
        Assert.Equal(SessionAction.AbandonHandshake, _timers.Poll(now));
        Assert.Equal(now + 540_000, _timers.NextDeadline(now));
    }

    [Fact]
    public void Handshake_given_up_does_not_put_the_wiping_off()
    {
        _timers.KeypairDerived(Now);
        long now = _timers.NextDeadline(Retry(Now, 18));
        Assert.Equal(SessionAction.AbandonHandshake, _timers.Poll(now));
        Assert.Equal(Now + 540_000, _timers.NextDeadline(now));
    }

    // ---- all together ---------------------------------------------------------------------------------------------

    [Fact]
    public void Stopped_timers_are_never_due_but_for_the_persistent_keepalive()
    {
        _timers.InitiationSent(Now);
        _timers.KeypairDerived(Now);
        Activity.DataReceived(Now);
        Activity.DataSent(Now);
        _timers.Stop();
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(Now));
        Assert.Equal(SessionAction.None, _timers.Poll(Now + 3_600_000));
        Assert.True(_timers.MayInitiate(Now));
        _timers.SetPersistentKeepalive(25_000, Now);
        _timers.Stop();
        Assert.Equal(Now + 25_000, _timers.NextDeadline(Now));
    }

    [Fact]
    public void All_that_is_due_at_once_is_asked_for_once()
    {
        _timers.SetPersistentKeepalive(1_000, Now);
        _timers.InitiationSent(Now);
        _timers.KeypairDerived(Now);
        Activity.DataReceived(Now);
        Activity.DataSent(Now); // answers it
        Activity.DataReceived(Now);
        long now = Now + 600_000;
        List<SessionAction> actions = [];
        SessionAction action;
        while ((action = _timers.Poll(now)) != SessionAction.None)
            actions.Add(action);
        Assert.Equal(
            [SessionAction.RetryHandshake, SessionAction.SendKeepalive, SessionAction.SendKeepalive, SessionAction.WipeKeys], actions);
    }

    [Fact]
    public void Reply_received_while_control_waits_for_silence_is_answered_in_time()
    {
        Assert.True(Activity.DataSent(Now));
        long wake = _timers.NextDeadline(Now);
        Assert.False(Activity.DataReceived(Now + 100)); // control is not told: it watches
        Assert.InRange(wake, Now, Now + 10_100);
        Assert.Equal(SessionAction.None, _timers.Poll(wake));
        Assert.Equal(Now + 10_100, _timers.NextDeadline(wake));
    }

    [Theory]
    [InlineData(1, 3_000)]
    [InlineData(2, 12_000)]
    [InlineData(3, 40_000)]
    public void Control_that_sleeps_until_the_deadline_does_everything_in_time(int seed, int longestPauseMs)
    {
        var random = new Random(seed);
        long wake = PeerTimers.Never, sentSince = 0, receivedSince = 0;
        long now = Now;
        for (int i = 0; i < 20_000; i++)
        {
            long next = now + random.Next(longestPauseMs);
            while (wake <= next)
            {
                now = wake;
                SessionAction action;
                while ((action = _timers.Poll(now)) != SessionAction.None)
                {
                    if (action == SessionAction.SendKeepalive)
                    {
                        Assert.Equal(receivedSince + 10_000, now);
                        receivedSince = 0;
                    }
                    else
                    {
                        Assert.Equal(SessionAction.BeginHandshake, action);
                        Assert.InRange(now, sentSince + 15_000, sentSince + 15_000 + Jitter);
                        sentSince = 0;
                    }
                }

                wake = _timers.NextDeadline(now);
            }

            now = next;
            Assert.True(receivedSince == 0 || now <= receivedSince + 10_000, "a keepalive is late");
            Assert.True(sentSince == 0 || now <= sentSince + 15_000 + Jitter, "a handshake is late");
            bool isTold = false;
            switch (random.Next(4))
            {
                case 0:
                    isTold = Activity.DataSent(now);
                    (sentSince, receivedSince) = (sentSince == 0 ? now : sentSince, 0);
                    break;
                case 1:
                    isTold = Activity.DataReceived(now);
                    (sentSince, receivedSince) = (0, receivedSince == 0 ? now : receivedSince);
                    break;
                case 2:
                    Activity.Sent(now);
                    receivedSince = 0;
                    break;
                default:
                    Activity.Received(now);
                    sentSince = 0;
                    break;
            }

            if (isTold)
                wake = Math.Min(wake, _timers.NextDeadline(now));
        }
    }

    /// <summary>Sends initiations that are not answered.</summary>
    private long Retry(long now, int times)
    {
        _timers.InitiationSent(now);
        for (int i = 0; i < times; i++)
        {
            now = _timers.NextDeadline(now);
            Assert.Equal(SessionAction.RetryHandshake, _timers.Poll(now));
            _timers.InitiationSent(now);
        }

        return now;
    }
}
