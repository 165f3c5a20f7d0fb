using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>Section 6.5 of the paper, and the persistent keepalive, with a clock set by hand.</summary>
public sealed class KeepaliveTimersTests
{
    private const long Now = 1_000_000;
    private readonly PeerTimers _timers = new();

    private Activity Activity => _timers.Activity;

    // ---- section 6.5: passive keepalive ---------------------------------------------------------------------------

    [Fact]
    public void Received_data_is_answered_with_a_keepalive_after_10_s()
    {
        Activity.DataReceived(Now);
        Assert.Equal(Now + 10_000, _timers.NextDeadline(Now));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 9_999));
        Assert.Equal(PeerAction.SendKeepalive, _timers.Poll(Now + 10_000));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 10_000));
    }

    [Fact]
    public void Anything_sent_makes_that_keepalive_needless()
    {
        Activity.DataReceived(Now);
        Activity.Sent(Now + 9_999);
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));
        Activity.DataReceived(Now);
        _timers.InitiationSent(Now);
        _timers.HandshakeComplete();
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));
        Activity.DataReceived(Now);
        _timers.ResponseSent(Now);
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));
    }

    [Fact]
    public void Received_keepalive_is_not_answered()
    {
        Activity.Received(Now);
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));
    }

    [Fact]
    public void Data_that_came_while_a_keepalive_was_pending_is_answered_by_it()
    {
        Activity.DataReceived(Now);
        Activity.DataReceived(Now + 9_000);
        Assert.Equal(PeerAction.SendKeepalive, _timers.Poll(Now + 10_000));
        Activity.Sent(Now + 10_000);
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));
        Activity.DataReceived(Now + 60_000);
        Assert.Equal(PeerAction.SendKeepalive, _timers.Poll(Now + 70_000));
    }

    // ---- persistent keepalive -------------------------------------------------------------------------------------

    [Fact]
    public void Persistent_keepalive_is_sent_after_its_interval_of_silence()
    {
        Assert.True(_timers.SetPersistentKeepalive(25_000, Now));
        Assert.Equal(Now + 25_000, _timers.NextDeadline(Now));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 24_999));
        Assert.Equal(PeerAction.SendKeepalive, _timers.Poll(Now + 25_000));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 25_000));
        Assert.Equal(Now + 50_000, _timers.NextDeadline(Now + 25_000)); // though it could not be sent
    }

    [Fact]
    public void Anything_sent_or_received_puts_the_persistent_keepalive_off()
    {
        _timers.SetPersistentKeepalive(25_000, Now);
        Activity.Sent(Now + 10_000);
        Assert.Equal(Now + 35_000, _timers.NextDeadline(Now + 10_000));
        Activity.Received(Now + 20_000);
        Assert.Equal(Now + 45_000, _timers.NextDeadline(Now + 20_000));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 44_999));
        Assert.Equal(PeerAction.SendKeepalive, _timers.Poll(Now + 45_000));
    }

    [Fact]
    public void Persistent_keepalive_that_is_set_again_and_again_is_sent_all_the_same()
    {
        _timers.SetPersistentKeepalive(25_000, Now);
        for (int s = 1; s < 25; s++)
            _timers.SetPersistentKeepalive(25_000, Now + (s * 1_000));
        Assert.Equal(PeerAction.SendKeepalive, _timers.Poll(Now + 25_000));
    }

    [Fact]
    public void Interval_below_0_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _timers.SetPersistentKeepalive(-1, Now));

    [Fact]
    public void Persistent_keepalive_is_due_at_once_only_when_switched_on()
    {
        Assert.False(_timers.SetPersistentKeepalive(0, Now));
        Assert.True(_timers.SetPersistentKeepalive(25_000, Now));
        Assert.False(_timers.SetPersistentKeepalive(10_000, Now + 1_000));
        Assert.Equal(Now + 10_000, _timers.NextDeadline(Now + 1_000));
        Assert.Equal(10_000, _timers.PersistentKeepaliveMs);
        Assert.False(_timers.SetPersistentKeepalive(0, Now + 2_000));
        Assert.Equal(PeerTimers.Never, _timers.NextDeadline(Now + 2_000));
        Assert.Equal(PeerAction.None, _timers.Poll(Now + 60_000));
    }
}
