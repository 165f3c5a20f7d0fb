using WireGuard.Vsock.Commands;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class ServiceArgumentsTests
{
    private const string All =
        "--socket-group=adm --socket-mode=640 --metrics=unix:/run/m --metrics-allowed-ips=on --sandbox=off";

    [Theory]
    [InlineData(All)]
    [InlineData("--socket-group adm --socket-mode 0640 --metrics unix:/run/m --metrics-allowed-ips on --sandbox off")]
    public void Both_lines_take_them(string line)
    {
        CommandLine.Request? request = null;
        List<string> said = [];
        Assert.Equal(0, CommandLine.Invoke([.. line.Split(' '), "wg0"], said.Add, said.Add, read =>
        {
            request = read;
            return 0;
        }));
        Assert.Empty(said);
        ServiceOptions options = TunnelArguments.Parse([.. line.Split(' '), "wg0"]).Service;
        Assert.Equal(options, request!.Service);
        Assert.Equal(("adm", 0b110_100_000u, "unix:/run/m"),
            (options.SocketGroup!, options.SocketMode!.Value, options.Metrics!.ToString()));
        Assert.Equal((true, false), (options.MetricsAllowedIps!.Value, options.Sandbox!.Value));
        Assert.Equal(All.Split(' '), options.ToArguments());
    }

    [Theory]
    [InlineData("--socket-mode=666", "'666': it would let every user read the private key")]
    [InlineData("--socket-mode=rw", "'rw': no mode")]
    [InlineData("--socket-mode=68", "'68': no mode")]
    [InlineData("--socket-mode=4755", "'4755': no mode")]
    [InlineData("--metrics=0.0.0.0:9586", "loopback")]
    [InlineData("--metrics-allowed-ips=yes", "'yes': neither on nor off")]
    [InlineData("--sandbox=no", "'no': neither on nor off")]
    public void Both_lines_refuse_the_same(string option, string why)
    {
        List<string> said = [];
        Assert.Equal(1, CommandLine.Invoke([option, "wg0"], said.Add, said.Add, _ => 0));
        Assert.Contains(why, Assert.Single(said), StringComparison.Ordinal);
        Assert.Contains(
            why, Assert.Throws<UsageException>(() => TunnelArguments.Parse([option, "wg0"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_value_is_said()
    {
        Assert.Equal(
            "--metrics needs a value", Assert.Throws<UsageException>(() => TunnelArguments.Parse(["wg0", "--metrics"])).Message);
        Assert.Equal(
            "--metrics needs a value",
            Assert.Throws<UsageException>(() => TunnelArguments.Parse(["wg0", "--metrics", "--", "ls"])).Message);
    }

    [Fact]
    public void What_a_line_says_goes_before_a_file()
    {
        ServiceOptions line = new() { SocketGroup = "adm" };
        ServiceOptions file = new() { SocketGroup = "other", SocketMode = 0b110_000_000 };
        Assert.Equal(new ServiceOptions { SocketGroup = "adm", SocketMode = 0b110_000_000 }, line.Or(file));
        Assert.Empty(new ServiceOptions().ToArguments());
    }
}
