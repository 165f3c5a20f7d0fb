using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Sandbox;
using static WireGuard.Vsock.Interop.Libc;

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

    [Theory]
    [InlineData("Listen = vsock:5000|To = vsock:3:5000", new[] { AF_VSOCK }, false)]
    [InlineData("Listen = vsock:5000|To = udp:h.example:5000", new[] { AF_VSOCK, AF_INET, AF_INET6 }, false)]
    [InlineData("Listen = tcp:443|To = tcp:h.example:5000", new[] { AF_INET, AF_INET6 }, true)]
    [InlineData("Listen = tcp:5000|To = tcp:h.example:443", new[] { AF_INET, AF_INET6 }, false)]
    [InlineData("Listen = unix:/run/vm/v.sock:53|To = vsock:3:5000", new[] { AF_UNIX, AF_VSOCK }, false)]
    public void A_relay_with_a_file_keeps_what_its_rules_take(string rule, int[] families, bool bindsLowPorts)
    {
        RelayResult result = RelayReader.Read($"[Relay]\n{rule.Replace('|', '\n')}\n");
        SandboxNeeds needs = Needs.OfRelay(result.Settings!, "/etc/r/relay.conf");
        bool isOfUnix = families.Contains(AF_UNIX);
        Assert.Equal(families, needs.Families);
        Assert.Equal((bindsLowPorts, isOfUnix), (needs.BindsLowPorts, needs.EntersOthersFolders));
        Assert.Equal(isOfUnix ? ["/"] : [], needs.SocketFolders);
        Assert.Equal(families.Contains(AF_INET) ? [.. Needs.NameFiles, "/etc/r"] : ["/etc/r"], needs.ReadPaths);
    }

    [Theory]
    [InlineData("127.0.0.1:500", true)]
    [InlineData("127.0.0.1:9586", false)]
    [InlineData("unix:/m.sock", false)]
    public void A_relay_keeps_low_ports_for_its_metrics(string metrics, bool bindsLowPorts)
    {
        RelayResult result = WithMetrics(metrics, "tcp:5000");
        Assert.Equal(bindsLowPorts, Needs.OfRelay(result.Settings!, null).BindsLowPorts);
    }

    [Theory]
    [InlineData("tcp:5000", "tcp:h.example:1", "udp:6000", "udp:[2001:db8::1]:443", null)]
    [InlineData("tcp:443", "tcp:h.example:1", "tcp:80", "tcp:h.example:2", null)]
    [InlineData("unix:/run/vm3/v.sock:5000", "tcp:h.example:1", "unix:/srv/v.sock:5000", "unix:/srv/v.sock:1", null)]
    [InlineData("tcp:5000", "tcp:h.example:1", "tcp:6000", "unix:/run/vm3/v.sock:1", "Unix sockets")]
    [InlineData("tcp:5000", "tcp:h.example:1", "tcp:6000", "vsock:3:1", "vsock sockets")]
    [InlineData("vsock:5000", "vsock:3:1", "vsock:6000", "udp:h.example:1", "IPv4 sockets")]
    [InlineData("tcp:5000", "tcp:h.example:1", "tcp:1023", "tcp:h.example:1", "a port below 1024")]
    [InlineData("vsock:5000", "vsock:3:1", "vsock:80", "vsock:3:1", "a port below 1024")]
    public void Rule_is_refused_that_takes_more_than_the_relay_has_kept(
        string listen, string to, string newListen, string newTo, string? need)
    {
        SandboxNeeds kept = Needs.OfRelay(Rules((listen, to)).Settings!, "/etc/r/relay.conf");
        Diagnostic[] refused = [.. RelayCommand.Beyond(Rules((listen, to), (newListen, newTo), (listen + "0", to)), kept)];
        Assert.Equal(
            need is null ? [] : [$"r.conf:4:1: [Relay]: it takes {need}, which the relay has given up: restart it"],
            refused.Select(diagnostic => diagnostic.ToText("r.conf")));
    }

    /// <summary>They stay as they are until a restart.</summary>
    [Fact]
    public void Metrics_elsewhere_keep_no_rule_from_being_taken_up()
    {
        SandboxNeeds kept = Needs.OfRelay(Rules(("tcp:5000", "tcp:h.example:1")).Settings!, "/etc/r/relay.conf");
        Assert.Empty(RelayCommand.Beyond(WithMetrics("unix:/srv/m.sock", "tcp:6000"), kept));
    }

    private static RelayResult WithMetrics(string metrics, string listen) =>
        RelayReader.Read($"[General]\nMetrics = {metrics}\n[Relay]\nListen = {listen}\nTo = tcp:h.example:1\n");

    private static RelayResult Rules(params (string Listen, string To)[] rules) =>
        RelayReader.Read(string.Concat(rules.Select(rule => $"[Relay]\nListen = {rule.Listen}\nTo = {rule.To}\n")));
}
