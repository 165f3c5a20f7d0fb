using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>Section 6.4 of the paper, with a clock set by hand. An initiation's jitter is 0 to 333 ms.</summary>
public sealed class RetransmissionTests
{
    private const long Now = 1_000_000;
    private const long Jitter = 333;
    private readonly PeerTimers _timers = new();

    [Fact]
    public void Initiation_without_an_answer_is_sent_again_after_REKEY_TIMEOUT_and_a_jitter()
    {
        _timers.InitiationSent(Now);
        long due = _timers.NextDeadline(Now);
        Assert.InRange(due, Now + 5_000, Now + 5_000 + Jitter);
        Assert.Equal(PeerAction.None, _timers.Poll(due - 1));
        Assert.Equal(PeerAction.RetryHandshake, _timers.Poll(due));
        Assert.Equal(PeerAction.None, _timers.Poll(due));
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
            Assert.Equal(PeerAction.RetryHandshake, _timers.Poll(now));
            Assert.True(_timers.MayInitiate(now));
            _timers.InitiationSent(now);
        }

        Assert.InRange(now, Now + 90_000, Now + 90_000 + (18 * Jitter));
        now = _timers.NextDeadline(now);
        Assert.Equal(PeerAction.AbandonHandshake, _timers.Poll(now));
        Assert.Equal(PeerAction.None, _timers.Poll(now + 60_000));
    }

    [Fact]
    public void What_waits_for_a_handshake_that_cannot_begin_is_dropped_after_REKEY_ATTEMPT_TIME()
    {
        _timers.HandshakeImpossible(Now);
        _timers.HandshakeImpossible(Now + 60_000); // more packets
        Assert.Equal(Now + 90_000, _timers.NextDeadline(Now));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 89_999));
        Assert.Equal(PeerAction.DropStaged, _timers.Poll(Now + 90_000));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 90_000));
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
        Assert.Equal(PeerAction.RetryHandshake, _timers.Poll(now));
        Assert.False(_timers.MayInitiate(now));

        long next = _timers.NextDeadline(now);
        Assert.InRange(next, now + 5_000, now + 5_000 + Jitter);
        Assert.Equal(PeerAction.RetryHandshake, _timers.Poll(next));
        Assert.True(_timers.MayInitiate(next));
    }

    [Fact]
    public void Retries_that_cannot_be_sent_come_to_an_end_too()
    {
        _timers.InitiationSent(Now);
        List<PeerAction> actions = [];
        for (long now = _timers.NextDeadline(Now); actions.Count < 100; now = _timers.NextDeadline(now))
        {
            actions.Add(_timers.Poll(now));
            if (actions[^1] == PeerAction.AbandonHandshake)
                break;
        }

        Assert.Equal(18, actions.Count(action => action == PeerAction.RetryHandshake));
        Assert.Equal(19, actions.Count);
    }

    [Fact]
    public void Traffic_starts_the_count_of_retries_anew()
    {
        long now = Retry(_timers, Now, 17);
        _timers.HandshakeWanted();
        now = Retry(_timers, now, 18);
        Assert.Equal(PeerAction.AbandonHandshake, _timers.Poll(_timers.NextDeadline(now)));
    }

    [Fact]
    public void Handshake_given_up_starts_the_count_of_retries_anew()
    {
        long now = Retry(_timers, Now, 18);
        now = _timers.NextDeadline(now);
        Assert.Equal(PeerAction.AbandonHandshake, _timers.Poll(now));
        now = Retry(_timers, now, 18);
        Assert.Equal(PeerAction.AbandonHandshake, _timers.Poll(_timers.NextDeadline(now)));
    }

    [Fact]
    public void Complete_handshake_stops_the_retries_and_their_count()
    {
        long now = Retry(_timers, Now, 17);
        _timers.HandshakeComplete();
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(now));
        Assert.Equal(PeerAction.None, _timers.Poll(now + 60_000));
        now = Retry(_timers, now + 60_000, 18);
        Assert.Equal(PeerAction.AbandonHandshake, _timers.Poll(_timers.NextDeadline(now)));
    }

    [Fact]
    public void First_cookie_of_an_attempt_spares_one_retry_and_a_later_one_is_no_sign_of_life()
    {
        _timers.InitiationSent(Now);
        _timers.CookieReceived();
        Assert.False(_timers.IsInitiationUnanswered);
        for (int retry = 1; retry <= 5; retry++)
        {
            _timers.InitiationSent(Now + (retry * 5_000));
            _timers.CookieReceived(); // which anybody can make who sees the initiation
            Assert.True(_timers.IsInitiationUnanswered, $"retry {retry}");
        }
    }

    [Fact]
    public void Cookie_counts_again_after_a_handshake_on_a_new_connection_and_in_a_new_attempt()
    {
        foreach (Action end in (Action[])[
            _timers.HandshakeComplete, () => _timers.AllowInitiation(Now), _timers.Stop, () => GiveUp(_timers)])
        {
            _timers.InitiationSent(Now);
            _timers.CookieReceived();
            end();
            _timers.InitiationSent(Now);
            Assert.True(_timers.IsInitiationUnanswered);
            _timers.CookieReceived();
            Assert.False(_timers.IsInitiationUnanswered);
            _timers.Stop();
        }
    }

    private static void GiveUp(PeerTimers timers)
    {
        long now = Retry(timers, Now, 18);
        Assert.Equal(PeerAction.AbandonHandshake, timers.Poll(timers.NextDeadline(now)));
    }

    /// <summary>Sends initiations that are not answered.</summary>
    internal static long Retry(PeerTimers timers, long now, int times)
    {
        timers.InitiationSent(now);
        for (int i = 0; i < times; i++)
        {
            now = timers.NextDeadline(now);
            Assert.Equal(PeerAction.RetryHandshake, timers.Poll(now));
            timers.InitiationSent(now);
        }

        return now;
    }
}
