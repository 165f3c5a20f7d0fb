using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class RelayCommandTests
{
    [Theory]
    [InlineData("relay: from where to where? For example: relay --listen vsock:51820 --to udp:HOST:51820")]
    [InlineData("relay: --to: where to? Add --to ADDRESS, or --peer KEY=ADDRESS", "--listen", "udp:1")]
    [InlineData("relay: there is no option '-x'", "-x", "--listen", "udp:1", "--to", "udp:a.example:1")]
    public void Wrong_arguments_are_code_2(string line, params string[] arguments)
    {
        string error = "";
        int code = RelayCommand.Page.Invoke(arguments, _ => Assert.Fail("nothing is said on stdout"), text => error += text);
        Assert.Equal((2, $"{line} (see wireguard-vsock help relay)"), (code, error));
    }

    [Theory]
    [InlineData("/nonexistent/relay.conf")]
    [InlineData("--", "-nonexistent")]
    public void A_file_that_cannot_be_read_is_code_1(params string[] arguments)
    {
        string error = "";
        Assert.Equal(1, RelayCommand.Page.Invoke(arguments, _ => { }, text => error += text));
        Assert.Equal($"{arguments[^1]} cannot be read: No such file or directory", error);
    }

    [Fact]
    public void A_file_with_mistakes_starts_nothing()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "[Relay]\nListen = udp:1\n");
            string error = "";
            Assert.Equal(1, RelayCommand.Page.Invoke([file], _ => { }, text => error += text));
            Assert.Equal($"{file} has mistakes, so nothing was changed", error);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
