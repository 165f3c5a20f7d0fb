using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class NetworkKindTests
{
    [Theory]
    [InlineData("vsock", true, false, false)]
    [InlineData("tcp", true, true, true)]
    [InlineData("tcp4", true, true, false)]
    [InlineData("tcp6", true, false, true)]
    [InlineData("udp", false, true, true)]
    [InlineData("udp4", false, true, false)]
    [InlineData("udp6", false, false, true)]
    [InlineData("unix", true, false, false)]
    public void Every_word_of_the_command_line_is_a_network(string word, bool isStream, bool allowsIPv4, bool allowsIPv6)
    {
        Assert.True(NetworkKind.TryFromWord(word, out NetworkKind network));
        Assert.Equal(word, network.Word);
        Assert.Equal(isStream, network.IsStream);
        Assert.Equal(allowsIPv4, network.AllowsIPv4);
        Assert.Equal(allowsIPv6, network.AllowsIPv6);
        Assert.Contains(word, NetworkKind.Words.Split(", "));
    }

    [Fact]
    public void Vsock_is_the_default() => Assert.Equal(NetworkKind.Vsock, default);

    [Theory]
    [InlineData("")]
    [InlineData("VSOCK")]
    [InlineData("Tcp")]
    [InlineData("tcp5")]
    [InlineData("tcp ")]
    [InlineData("0")]
    public void Any_other_word_is_no_network(string word) => Assert.False(NetworkKind.TryFromWord(word, out _));
}
