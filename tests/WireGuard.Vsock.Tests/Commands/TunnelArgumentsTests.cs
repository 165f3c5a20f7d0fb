using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class TunnelArgumentsTests
{
    [Theory]
    [InlineData("--wait 3 ./wg0.conf", "did you mean --wait=3?")]
    [InlineData("-f --wait 3 ./wg0.conf", "did you mean --wait=3?")]
    [InlineData("3 ./wg0.conf", "what is './wg0.conf'? A command to run stands behind --")]
    [InlineData("--wait wg0 ls", "what is 'ls'? A command to run stands behind --")]
    public void What_was_probably_meant_is_said(string line, string expected) =>
        Assert.Equal(expected, Assert.Throws<UsageException>(() => TunnelArguments.Parse(line.Split(' '))).Message);

    [Fact]
    public void A_tunnel_may_be_named_as_a_number() => Assert.Equal("3", TunnelArguments.Parse(["--wait", "3"]).Tunnel);
}
