using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>How often --wait looks and has handshakes begun.</summary>
public sealed class WaitingTests
{
    private readonly List<long> _begins = [], _looks = [];
    private long _now = 1000;

    [Fact]
    public void It_looks_often_at_first_and_then_seldom()
    {
        Wait(seconds: 2, doneAfterMs: long.MaxValue);
        Assert.Equal(50, _looks.Count(time => time < 1000));
        Assert.Equal(6, _looks.Count(time => time >= 1000));
        Assert.Equal(2000, _looks[^1]);
    }

    [Fact]
    public void Handshakes_that_the_daemon_has_given_up_are_begun_again()
    {
        Wait(seconds: 200, doneAfterMs: long.MaxValue);
        Assert.Equal([0, 30_000, 60_000, 90_000, 120_000, 150_000, 180_000], _begins);
    }

    [Fact]
    public void Nothing_is_missing_once_all_have_answered() => Assert.Empty(Wait(seconds: 200, doneAfterMs: 100_000));

    [Fact]
    public void What_is_missing_at_the_end_is_told() => Assert.Equal(["alice"], Wait(seconds: 1, doneAfterMs: 2000));

    private IReadOnlyList<string> Wait(int seconds, long doneAfterMs)
    {
        long began = _now;
        return Waiting.Run(
            () => _begins.Add(_now - began),
            () =>
            {
                _looks.Add(_now - began);
                return _now - began < doneAfterMs ? ["alice"] : [];
            },
            () => _now,
            milliseconds => _now += milliseconds,
            seconds);
    }
}
