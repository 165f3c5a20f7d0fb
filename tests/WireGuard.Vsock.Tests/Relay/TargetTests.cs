using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Relay;

public sealed class TargetTests
{
    private static readonly EndpointAddress A = EndpointAddress.IPv4(0xc0000201, 51820);
    private static readonly EndpointAddress B = EndpointAddress.IPv4(0xc0000202, 51820);

    private readonly Target _name = new(new TransportAddress(NetworkKind.Udp, "vpn.example.org", 0, 51820));

    [Fact]
    public void Name_is_dialled_once_it_is_resolved()
    {
        Assert.False(_name.TryTake(0, out _));
        Assert.True(_name.Resolved([A, B]));
        Assert.True(_name.TryTake(0, out EndpointAddress address));
        Assert.Equal(A, address);
    }

    [Fact]
    public void Literal_needs_no_answer()
    {
        var target = new Target(new TransportAddress(NetworkKind.Vsock, "", 16, 51820));
        Assert.True(target.TryTake(0, out EndpointAddress address));
        Assert.Equal(EndpointAddress.Vsock(16, 51820), address);
    }

    [Fact]
    public void Pauses_double_up_to_2_s_and_end_with_an_answer()
    {
        _name.Resolved([A]);
        long nowMs = 1_000;
        foreach (int pauseMs in (int[])[250, 500, 1_000, 2_000, 2_000])
        {
            _name.ConnectFailed(A, nowMs);
            Assert.False(_name.TryTake(nowMs + pauseMs - 1, out _));
            nowMs += pauseMs;
            Assert.True(_name.TryTake(nowMs, out _));
        }

        _ = _name.Answered(A);
        _name.ConnectFailed(A, nowMs);
        Assert.True(_name.TryTake(nowMs + 250, out _));
    }

    [Fact]
    public void Several_failures_at_once_count_as_one()
    {
        _name.Resolved([A]);
        for (int i = 0; i < 10; i++)
            _name.ConnectFailed(A, 1_000);
        Assert.True(_name.TryTake(1_250, out _));
    }

    [Fact]
    public void Next_address_is_dialled_after_a_failure()
    {
        _name.Resolved([A, B]);
        _name.ConnectFailed(A, 0);
        _name.ConnectFailed(A, 0);
        Assert.True(_name.TryTake(250, out EndpointAddress address));
        Assert.Equal(B, address);
        _name.ConnectFailed(B, 250);
        Assert.True(_name.TryTake(1_000, out address));
        Assert.Equal(A, address);
    }

    [Fact]
    public void Silence_towards_strangers_moves_nobody_from_an_address_that_answers()
    {
        _name.Resolved([A, B]);
        _ = _name.Answered(A);
        _name.FellSilent(A, hadAnswered: false);
        Assert.True(_name.TryTake(0, out EndpointAddress address));
        Assert.Equal(A, address);
        _name.FellSilent(A, hadAnswered: true);
        Assert.True(_name.TryTake(0, out address));
        Assert.Equal(B, address);
        _name.FellSilent(B, hadAnswered: false);
        Assert.True(_name.TryTake(0, out address));
        Assert.Equal(A, address);
    }

    [Fact]
    public void Empty_answer_changes_nothing_and_another_one_moves_it()
    {
        _name.Resolved([A]);
        Assert.False(_name.Resolved([]));
        Assert.False(_name.Resolved([A]));
        Assert.True(_name.Resolved([B]));
        Assert.True(_name.TryTake(0, out EndpointAddress address));
        Assert.Equal(B, address);
    }

    [Fact]
    public void Failure_is_reported_when_it_begins_and_once_a_minute_until_there_is_an_answer()
    {
        _name.Resolved([A]);
        Assert.False(_name.Answered(A));
        Assert.True(_name.MustReport(0));
        Assert.False(_name.MustReport(59_000));
        Assert.True(_name.MustReport(60_000));
        Assert.True(_name.Answered(A));
        Assert.False(_name.Answered(A));
        Assert.True(_name.MustReport(60_001));
    }

    [Fact]
    public void Failure_is_told_once()
    {
        _name.Resolved([A]);
        Assert.False(_name.TakeFailed());
        _name.FellSilent(A, hadAnswered: false);
        Assert.True(_name.TakeFailed());
        Assert.False(_name.TakeFailed());
    }
}
