using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Streams;
using static WireGuard.Vsock.Streams.ConnectionAction;
using static WireGuard.Vsock.Streams.ConnectionState;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>
/// Of several connections of a peer, each proves itself: what hears nothing while another does is left.
/// </summary>
public sealed class ConnectionProofTests
{
    private readonly Connections _c = new();

    [Fact]
    public void Connection_that_hears_nothing_while_another_does_is_asked_for_an_answer_then_left_then_closed()
    {
        (PeerConnection swallowed, PeerConnection other) = SendOnTwo();
        _c.Hear(other, atMs: _c.NowMs + 2_000);
        Assert.Equal(_c.NowMs + 3_000, _c.Deadline);
        _c.NowMs += 2_999;
        Assert.Empty(_c.Due());
        _c.NowMs++;
        Assert.Equal([(Ask, swallowed)], _c.Due());
        _c.Hear(other, atMs: _c.NowMs + 1_000);
        _c.NowMs += 1_499;
        Assert.Empty(_c.Due());
        Assert.Same(swallowed, _c.Destination);
        _c.NowMs++;
        Assert.Equal([new(NoteSilent, swallowed)], _c.On(state => state.Poll(_c.NowMs)));
        Assert.Equal(Silent, swallowed.State);
        Assert.Equal([other], _c.Used);
        Assert.Same(other, _c.Destination);
        _c.NowMs += 2_499;
        Assert.Empty(_c.Due());
        _c.NowMs++;
        Assert.Contains(
            new(Close, swallowed, "the peer does not answer on it"), _c.On(state => state.Poll(_c.NowMs)));
    }

    [Fact]
    public void Connection_of_a_flow_that_goes_one_way_answers_and_stays()
    {
        (PeerConnection oneWay, PeerConnection other) = SendOnTwo();
        for (int i = 0; i < 5; i++)
        {
            _c.Hear(other, atMs: _c.NowMs + 2_999);
            _c.NowMs += 3_000;
            Assert.Equal([(Ask, oneWay)], _c.Due());
            _c.Hear(oneWay, isNewest: false, atMs: _c.NowMs + 200);
            _c.NowMs += 1_000;
            Connections.ViewOf(oneWay).Send(_c.NowMs);
            Assert.Empty(_c.Due());
        }

        Assert.Equal([oneWay, other], _c.Used);
    }

    [Fact]
    public void Connection_that_is_full_and_still_moves_need_not_answer()
    {
        (PeerConnection slow, PeerConnection other) = SendOnTwo();
        Connections.FakeView view = Connections.ViewOf(slow);
        view.IsCongested = true;
        for (int second = 0; second < 20; second++)
        {
            view.StillSinceMs = _c.NowMs;
            _c.NowMs += 1_000;
            _c.Hear(other);
            Assert.Empty(_c.Due());
        }

        Assert.Equal([slow, other], _c.Used);
        for (int second = 0; second < 8; second++)
        {
            _c.NowMs += 1_000;
            _c.Hear(other);
            _c.Due();
        }

        Assert.Equal([other], _c.Used);
    }

    [Fact]
    public void Connection_that_others_take_back_into_use_with_them_is_none_that_is_silent()
    {
        (PeerConnection swallowed, PeerConnection other) = SendOnTwo();
        LeaveSilent(other);
        _c.Use(_c.New());
        Assert.True(_c.Hear(other));
        Assert.Equal([other], _c.Used);
        Assert.Equal(Silent, swallowed.State);
    }

    [Fact]
    public void Answer_that_is_late_has_the_connection_used_again()
    {
        (PeerConnection slow, PeerConnection other) = SendOnTwo();
        _c.Hear(other, atMs: _c.NowMs + 4_000);
        _c.NowMs += 3_000;
        _c.Due();
        _c.NowMs += 2_000;
        Assert.Empty(_c.Due());
        Assert.Equal([other], _c.Used);
        _c.Hear(slow, isNewest: false, atMs: _c.NowMs);
        Assert.Equal([slow, other], _c.Used);
        _c.NowMs += 20_000;
        Assert.Empty(_c.Due());
    }

    [Fact]
    public void Connection_need_not_prove_itself_while_none_of_the_peers_hears()
    {
        SendOnTwo();
        Assert.Equal(long.MaxValue, _c.Deadline);
        _c.NowMs += 20_000;
        Assert.Empty(_c.Due());
    }

    [Fact]
    public void Peer_that_gives_no_answers_is_asked_for_none()
    {
        (_, PeerConnection other) = SendOnTwo();
        _c.GivesAnswers = false;
        _c.Hear(other, atMs: _c.NowMs + 2_000);
        _c.NowMs += 20_000;
        Assert.Empty(_c.Due());
    }

    [Fact]
    public void Silent_connection_is_not_fallen_back_on_when_the_others_are_lost()
    {
        (PeerConnection swallowed, PeerConnection other) = SendOnTwo();
        LeaveSilent(other);
        _c.Break(other);
        Assert.Null(_c.Destination);
        Assert.Equal(Silent, swallowed.State);
        // It is used again as soon as anything comes in on it.
        Assert.True(_c.Hear(swallowed, isNewest: false));
        Assert.Equal([swallowed], _c.Used);
    }

    [Fact]
    public void Looking_for_what_is_due_allocates_nothing()
    {
        (PeerConnection first, PeerConnection second) = SendOnTwo();
        _c.Hear(second, atMs: _c.NowMs + 2_000);
        long sum = 0;
        Assert.Equal(0, Allocations.Of(() => sum += _c.Deadline + (_c.State.MayBeSilent(first, _c.NowMs + 1_500) ? 1 : 0)));
        Assert.NotEqual(0, sum);
    }

    [Fact]
    public void Connection_may_need_a_proof_once_it_has_sent_for_half_that_time_beside_another()
    {
        (PeerConnection first, PeerConnection second) = SendOnTwo();
        Assert.False(_c.State.MayBeSilent(first, _c.NowMs + 1_499));
        Assert.True(_c.State.MayBeSilent(first, _c.NowMs + 1_500));
        _c.Break(second);
        Assert.False(_c.State.MayBeSilent(first, _c.NowMs + 1_500));
    }

    private void LeaveSilent(PeerConnection other)
    {
        _c.Hear(other, atMs: _c.NowMs + 2_000);
        _c.NowMs += 3_000;
        _c.Due();
        _c.Hear(other, atMs: _c.NowMs + 1_000);
        _c.NowMs += 1_500;
        _c.Due();
        Assert.Equal([other], _c.Used);
    }

    /// <summary>Something was sent on each of two that are used.</summary>
    private (PeerConnection First, PeerConnection Second) SendOnTwo()
    {
        _c.GivesAnswers = true;
        PeerConnection first = _c.Use(_c.New(0)), second = _c.Use(_c.New(1, joins: true));
        Connections.ViewOf(first).Send(_c.NowMs);
        Connections.ViewOf(second).Send(_c.NowMs);
        return (first, second);
    }
}
