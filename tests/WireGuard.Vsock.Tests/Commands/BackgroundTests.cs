using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class BackgroundTests
{
    [Theory]
    [InlineData(0x0300, "ended with code 3")]
    [InlineData(0x0000, "ended with code 0")]
    [InlineData(9, "was killed by signal 9")]
    [InlineData(0x80 | 6, "was killed by signal 6")] // with a core dump
    public void End_of_the_background_process_is_said_in_words(int status, string words) => Assert.Equal(
        $"the background process {words} before it was ready; LOG_LEVEL=verbose or -f may show why",
        Background.HowItEnded(status));
}
