using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>
/// Section 6 of the paper, with a clock set by hand; its retransmissions are in <see cref="RetransmissionTests"/>, its keepalives
/// in
/// <see cref="KeepaliveTimersTests"/>. An initiation's jitter is 0 to 333 ms.
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
        Assert.Equal(PeerAction.None, _timers.Poll(long.MaxValue - 1));
        Assert.True(_timers.MayInitiate(Now));
        Assert.True(_timers.MayInitiate(0));
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
        Assert.False(_timers.AllowInitiation(Now + 10));
        Assert.False(_timers.MayInitiate(Now + 49));
        Assert.True(_timers.MayInitiate(Now + 50));
        Assert.Equal(Now + 50, _timers.NextDeadline(Now + 10));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 49));
        Assert.Equal(PeerAction.Initiate, _timers.Poll(Now + 50));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 50));
    }

    [Fact]
    public void New_connection_need_not_wait_when_the_last_initiation_was_a_while_ago()
    {
        Assert.True(_timers.AllowInitiation(Now));
        _timers.InitiationSent(Now);
        Assert.True(_timers.AllowInitiation(Now + 60));
        Assert.True(_timers.MayInitiate(Now + 60));
    }

    [Fact]
    public void New_connection_need_not_wait_after_a_response()
    {
        _timers.ResponseSent(Now);
        Assert.True(_timers.AllowInitiation(Now));
        Assert.True(_timers.MayInitiate(Now));
    }

    [Fact]
    public void Initiation_that_a_new_connection_waits_for_is_not_asked_for_once_the_handshake_is_complete_or_stopped()
    {
        foreach (Action ends in (Action[])[() => _timers.InitiationSent(Now + 20), _timers.HandshakeComplete, _timers.Stop])
        {
            _timers.InitiationSent(Now);
            Assert.False(_timers.AllowInitiation(Now + 10));
            ends();
            Assert.Equal(PeerAction.None, _timers.Poll(Now + 50));
        }
    }

    // ---- section 6.2: a new handshake when data is not answered ---------------------------------------------------

    [Fact]
    public void Data_without_an_answer_begins_a_handshake_after_15_s()
    {
        Activity.DataSent(Now);
        Activity.DataSent(Now + 9_000); // the first counts
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 14_999));
        Assert.Equal(PeerAction.BeginHandshake, _timers.Poll(Now + 15_000 + Jitter));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 15_000 + Jitter));
    }

    [Fact]
    public void Handshake_because_of_silence_is_due_to_the_millisecond()
    {
        Activity.DataSent(Now);
        long due = _timers.NextDeadline(Now + 10_000);
        Assert.InRange(due, Now + 15_000, Now + 15_000 + Jitter);
        Assert.Equal(PeerAction.None, _timers.Poll(due - 1));
        Assert.Equal(PeerAction.BeginHandshake, _timers.Poll(due));
    }

    [Fact]
    public void Anything_received_calls_that_handshake_off()
    {
        Activity.DataSent(Now);
        Activity.Received(Now + 14_000); // a keepalive
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));

        Activity.DataSent(Now);
        Activity.DataReceived(Now + 1);
        Activity.Sent(Now + 2);
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));
    }

    [Fact]
    public void Data_after_an_answer_waits_15_s_of_its_own()
    {
        Activity.DataSent(Now);
        Activity.Received(Now + 5_000);
        Activity.DataSent(Now + 6_000);
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 20_999));
        Assert.Equal(PeerAction.BeginHandshake, _timers.Poll(Now + 21_000 + Jitter));
    }

    [Fact]
    public void Keepalive_sent_waits_for_no_answer()
    {
        Activity.Sent(Now);
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));
    }

    // ---- section 6.3: zero keys -----------------------------------------------------------------------------------

    [Fact]
    public void Keys_are_wiped_after_540_s()
    {
        _timers.KeypairDerived(Now);
        Assert.Equal(Now + 540_000, _timers.NextDeadline(Now));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 539_999));
        Assert.Equal(PeerAction.KeysWiped, _timers.Poll(Now + 540_000));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 540_000));
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
        long now = _timers.NextDeadline(RetransmissionTests.Retry(_timers, Now, 18));
        Assert.Equal(PeerAction.AbandonHandshake, _timers.Poll(now));
        Assert.Equal(now + 540_000, _timers.NextDeadline(now));
    }

    [Fact]
    public void Handshake_given_up_does_not_put_the_wiping_off()
    {
        _timers.KeypairDerived(Now);
        long now = _timers.NextDeadline(RetransmissionTests.Retry(_timers, Now, 18));
        Assert.Equal(PeerAction.AbandonHandshake, _timers.Poll(now));
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
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 3_600_000));
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
        List<PeerAction> actions = [];
        PeerAction action;
        while ((action = _timers.Poll(now)) != PeerAction.None)
            actions.Add(action);
        Assert.Equal(
            [PeerAction.RetryHandshake, PeerAction.SendKeepalive, PeerAction.SendKeepalive, PeerAction.KeysWiped],
            actions);
    }

    [Fact]
    public void Reply_received_while_control_waits_for_silence_is_answered_in_time()
    {
        Assert.True(Activity.DataSent(Now));
        long wake = _timers.NextDeadline(Now);
        Assert.False(Activity.DataReceived(Now + 100)); // control is not told: it watches
        Assert.InRange(wake, Now, Now + 10_100);
        Assert.Equal(PeerAction.None, _timers.Poll(wake));
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
                PeerAction action;
                while ((action = _timers.Poll(now)) != PeerAction.None)
                {
                    if (action == PeerAction.SendKeepalive)
                    {
                        Assert.Equal(receivedSince + 10_000, now);
                        receivedSince = 0;
                    }
                    else
                    {
                        Assert.Equal(PeerAction.BeginHandshake, action);
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
}
