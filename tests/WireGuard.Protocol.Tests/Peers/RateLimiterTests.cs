using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>Section 5.3: 20 handshake messages a second from one source, 5 at once, as in the kernel's ratelimiter.c.</summary>
public sealed class RateLimiterTests
{
    private const long Now = 1_000_000;
    private readonly RateLimiter _limiter = new();

    [Theory]
    // selftest/ratelimiter.c of the kernel: pause before the packet in ms, whether it passes
    [InlineData(
        new[] { 0, 0, 0, 0, 0, 0, 50, 0, 100, 0, 0 },
        new[] { true, true, true, true, true, false, true, false, true, true, false })]
    [InlineData(new[] { 0, 0, 0, 0, 0, 49, 1, 0 }, new[] { true, true, true, true, true, false, true, false })]
    [InlineData(new[] { 0, 250, 0, 0, 0, 0, 0 }, new[] { true, true, true, true, true, true, false })]
    public void Bucket_of_5_fills_up_every_50_ms(int[] pausesMs, bool[] passes)
    {
        long now = Now;
        for (int i = 0; i < pausesMs.Length; i++)
        {
            now += pausesMs[i];
            Assert.True(_limiter.TryTake(1, now) == passes[i], $"packet {i}");
        }
    }

    [Fact]
    public void Twenty_pass_in_a_second_beside_the_burst()
    {
        int passed = 0;
        for (int ms = 0; ms < 10_000; ms++)
            passed += _limiter.TryTake(1, Now + ms) ? 1 : 0;
        Assert.InRange(passed, 200, 205);
    }

    [Fact]
    public void Sources_do_not_share()
    {
        for (int i = 0; i < 6; i++)
            _limiter.TryTake(1, Now);
        Assert.False(_limiter.TryTake(1, Now));
        Assert.True(_limiter.TryTake(2, Now));
        Assert.True(_limiter.TryTake(UInt128.One << 127, Now));
    }

    [Fact]
    public void Table_is_bounded_and_new_sources_wait_for_room()
    {
        for (int i = 0; i < RateLimiter.MaxSources; i++)
            Assert.True(_limiter.TryTake((UInt128)(uint)i, Now));
        Assert.False(_limiter.TryTake(1_000_000, Now));
        Assert.True(_limiter.TryTake(0, Now)); // known
        Assert.Equal(RateLimiter.MaxSources, _limiter.Count);
        Assert.True(_limiter.TryTake(1_000_000, Now + 2_001));
    }

    [Fact]
    public void Idle_source_is_forgotten_and_a_busy_one_kept()
    {
        _limiter.TryTake(1, Now);
        _limiter.TryTake(2, Now);
        _limiter.TryTake(2, Now + 900);
        _limiter.TryTake(3, Now + 1_001);
        Assert.Equal(2, _limiter.Count);
        _limiter.TryTake(3, Now + 10_000);
        Assert.Equal(1, _limiter.Count);
    }

    [Fact]
    public void Source_that_hammers_is_not_let_through_by_being_forgotten()
    {
        int passed = 0;
        for (int ms = 0; ms < 5_000; ms++)
        {
            passed += _limiter.TryTake(1, Now + ms) ? 1 : 0;
            _limiter.TryTake(2, Now + ms);
        }

        Assert.InRange(passed, 100, 105);
    }
}
