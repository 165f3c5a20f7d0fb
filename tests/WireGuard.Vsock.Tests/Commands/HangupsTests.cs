using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class HangupsTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Those_that_come_while_one_is_followed_are_followed_once_after_it()
    {
        using var begun = new SemaphoreSlim(0);
        using var mayEnd = new SemaphoreSlim(0);
        int count = 0;
        var hangups = new Hangups(() =>
        {
            count++;
            begun.Release();
            Assert.True(mayEnd.Wait(s_patience));
        });
        Task first = Task.Run(hangups.Receive);
        Assert.True(await begun.WaitAsync(s_patience));
        hangups.Receive();
        hangups.Receive();
        Assert.Equal(1, count);
        mayEnd.Release(2);
        await first.WaitAsync(s_patience);
        Assert.Equal(2, count);
        mayEnd.Release();
        hangups.Receive();
        Assert.Equal(3, count);
    }
}
