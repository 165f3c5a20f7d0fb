using WireGuard.Vsock.Tun;

namespace WireGuard.Vsock.Tests.Tun;

public sealed class InterfaceNameTests
{
    [Theory]
    [InlineData("wg0")]
    [InlineData("wg%d")]
    [InlineData("%d")]
    [InlineData("fifteen-bytes-0")]
    [InlineData("-f")]
    [InlineData("é")]
    public void Names_that_Linux_takes_are_taken(string name) => Assert.Null(InterfaceName.Check(name));

    [Theory]
    [InlineData("")]
    [InlineData("sixteen-bytes-01")]
    [InlineData("ééééééé0é")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("../wg0")]
    [InlineData("a:1")]
    [InlineData("a b")]
    [InlineData("a\tb")]
    [InlineData("a\0b")]
    [InlineData("wg%")]
    [InlineData("wg%s")]
    [InlineData("wg%d%d")]
    [InlineData("%wg%d")]
    public void Names_that_Linux_refuses_are_refused_in_one_line(string name)
    {
        string? line = InterfaceName.Check(name);
        Assert.NotNull(line);
        Assert.DoesNotContain('\n', line);
    }
}
