using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

/// <summary>How much may wait for a socket that takes so much.</summary>
public sealed class RecentlyTakenTests
{
    private const long Now = 1_000_000;
    private const int Window = RecentlyTaken.WindowMs;

    private RecentlyTaken _taken;

    [Fact]
    public void Least_may_wait_for_a_socket_that_has_taken_nothing() => Assert.Equal(SendQueue.Limit, _taken.Limit(Now));

    [Fact]
    public void Least_may_wait_for_a_slow_socket()
    {
        for (int elapsed = 0; elapsed < 1_000; elapsed++)
        {
            _taken.Add(2_500, Now + elapsed); // 20 Mbit/s
            Assert.Equal(SendQueue.Limit, _taken.Limit(Now + elapsed));
        }
    }

    [Fact]
    public void As_much_may_wait_for_a_fast_socket_as_it_takes_in_a_window()
    {
        for (int elapsed = 0; elapsed < 10 * Window; elapsed++)
        {
            _taken.Add(20_000, Now + elapsed);
            if (elapsed >= Window)
                Assert.Equal(20_000 * Window, _taken.Limit(Now + elapsed));
        }

        // It stands still: for a moment nothing changes.
        Assert.Equal(20_000 * Window, _taken.Limit(Now + (10 * Window) + Window - 2));
        Assert.Equal(SendQueue.Limit, _taken.Limit(Now + (11 * Window)));
        _taken.Add(20_000, Now + (20 * Window));
        Assert.Equal(SendQueue.Limit, _taken.Limit(Now + (20 * Window)));
    }

    [Fact]
    public void No_more_than_16_MiB_may_wait_for_any_socket()
    {
        for (int elapsed = 0; elapsed < 3 * Window; elapsed++)
            _taken.Add(int.MaxValue, Now + elapsed);
        Assert.Equal(16 * 1024 * 1024, SendQueue.LargestLimit);
        Assert.Equal(SendQueue.LargestLimit, _taken.Limit(Now + (3 * Window)));
    }
}
