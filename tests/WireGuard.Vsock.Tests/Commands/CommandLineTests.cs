using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("wg0", "wg0", nameof(NetworkKind.Vsock), false)]
    [InlineData("-f wg0", "wg0", nameof(NetworkKind.Vsock), true)]
    [InlineData("--foreground wg0", "wg0", nameof(NetworkKind.Vsock), true)]
    [InlineData("wg0 -f", "wg0", nameof(NetworkKind.Vsock), true)]
    [InlineData("-n vsock wg0", "wg0", nameof(NetworkKind.Vsock), false)]
    [InlineData("-n tcp wg0", "wg0", nameof(NetworkKind.Tcp), false)]
    [InlineData("-n tcp4 wg0", "wg0", nameof(NetworkKind.Tcp4), false)]
    [InlineData("-n tcp6 wg0", "wg0", nameof(NetworkKind.Tcp6), false)]
    [InlineData("--network udp wg0", "wg0", nameof(NetworkKind.Udp), false)]
    [InlineData("--network=udp4 wg0", "wg0", nameof(NetworkKind.Udp4), false)]
    [InlineData("-f -n udp6 wg%d", "wg%d", nameof(NetworkKind.Udp6), true)]
    [InlineData("-fn udp6 wg0", "wg0", nameof(NetworkKind.Udp6), true)]
    [InlineData("-n tcp -- wg0", "wg0", nameof(NetworkKind.Tcp), false)]
    [InlineData("-n tcp @file", "@file", nameof(NetworkKind.Tcp), false)]
    public void Good_lines_are_understood(string line, string name, string network, bool foreground)
    {
        CommandLine.Request? request = null;
        (int code, string output, string errors) = Invoke(line.Split(' '), r =>
        {
            request = r;
            return 42;
        });
        Assert.Equal((42, "", ""), (code, output, errors));
        Assert.Equal(new CommandLine.Request(name, Enum.Parse<NetworkKind>(network), foreground, null, true, true), request);
    }

    [Theory]
    [InlineData("wg0", null, true)]
    [InlineData("--streams 1 wg0", 1, true)]
    [InlineData("--streams=8 wg0", 8, true)]
    [InlineData("wg0 --streams 4 --superpackets off", 4, false)]
    [InlineData("--superpackets=off wg0", null, false)]
    [InlineData("--superpackets=on wg0", null, true)]
    public void Streams_and_superpackets_are_understood(string line, int? streams, bool superpackets)
    {
        CommandLine.Request? request = null;
        (int code, string output, string errors) = Invoke(line.Split(' '), r =>
        {
            request = r;
            return 0;
        });
        Assert.Equal((0, "", ""), (code, output, errors));
        Assert.Equal(new CommandLine.Request("wg0", NetworkKind.Vsock, false, streams, superpackets, true), request);
    }

    [Theory]
    [InlineData("-n udp wg0", true)]
    [InlineData("-n udp --udp-offloads=on wg0", true)]
    [InlineData("-n udp --udp-offloads=off wg0", false)]
    [InlineData("--udp-offloads off -n udp wg0", false)]
    public void Udp_offloads_are_understood(string line, bool expected)
    {
        CommandLine.Request? request = null;
        (int code, string output, string errors) = Invoke(line.Split(' '), r =>
        {
            request = r;
            return 0;
        });
        Assert.Equal((0, "", ""), (code, output, errors));
        Assert.Equal(expected, request?.UdpOffloads);
    }

    [Theory]
    [InlineData("shwo", "show")]
    [InlineData("checks", "check")]
    [InlineData("wg0", null)]
    [InlineData("tun-up", null)]
    public void A_word_like_a_command_is_an_interface_and_the_command_is_named(string word, string? command)
    {
        (int code, _, string errors) = Invoke([word], request => request.Interface == word ? 0 : 9);
        string said = command is null
            ? ""
            : $"'{word}' is taken for an interface's name; if a command was meant: wireguard-vsock {command}";
        Assert.Equal((0, said), (code, errors));
    }

    [Theory]
    [InlineData("", "which interface? For example: wireguard-vsock wg0; or, with a configuration file: wireguard-vsock up")]
    [InlineData("-f", "which interface? For example: wireguard-vsock wg0")]
    [InlineData("-n|udp", "which interface? For example: wireguard-vsock wg0")]
    [InlineData("-n", "Required argument missing for option: '-n'")]
    [InlineData("-n|bogus", "'bogus' is no network: one of vsock, tcp, tcp4, tcp6, udp, udp4, udp6, unix")]
    [InlineData("-n|tcp|-n|udp|wg0", "Option '-n' expects a single argument but 2 were provided")]
    [InlineData("-n|bogus|wg0", "'bogus' is no network: one of vsock, tcp, tcp4, tcp6, udp, udp4, udp6, unix")]
    [InlineData("-n|Tcp|wg0", "'Tcp' is no network: one of vsock, tcp, tcp4, tcp6, udp, udp4, udp6, unix")]
    [InlineData("-n|1|wg0", "'1' is no network: one of vsock, tcp, tcp4, tcp6, udp, udp4, udp6, unix")]
    [InlineData("--streams|0|wg0", "'0' is no number of streams: 1 to 8")]
    [InlineData("--streams|9|wg0", "'9' is no number of streams: 1 to 8")]
    [InlineData("--streams|+1|wg0", "'+1' is no number of streams: 1 to 8")]
    [InlineData("--streams|many|wg0", "'many' is no number of streams: 1 to 8")]
    [InlineData("--streams|99999999999|wg0", "'99999999999' is no number of streams: 1 to 8")]
    [InlineData("wg0|--streams", "Required argument missing for option: '--streams'")]
    [InlineData("--superpackets=maybe|wg0", "'maybe' is neither on nor off")]
    [InlineData("--superpackets|wg0", "'wg0' is neither on nor off")]
    [InlineData("--udp-offloads=1|wg0", "'1' is neither on nor off")]
    [InlineData("wg0|-n", "Required argument missing for option: '-n'")]
    [InlineData("-f|false|wg0", "Unrecognized command or argument 'wg0'")]
    [InlineData("wg0|wg1", "Unrecognized command or argument 'wg1'")]
    [InlineData("--bogus|wg0", "there is no option '--bogus'")]
    [InlineData("-x", "there is no option '-x'")]
    [InlineData("hlep|wg0", "Unrecognized command or argument 'wg0'; there is no command 'hlep', did you mean 'help'?")]
    [InlineData("-f|up|./a.conf", "Unrecognized command or argument './a.conf'; did you mean 'wireguard-vsock up -f ./a.conf'?")]
    [InlineData("wg0|help", "Unrecognized command or argument 'help'; did you mean 'wireguard-vsock help wg0'?")]
    [InlineData("wg0|--bogus", "Unrecognized command or argument '--bogus'")]
    [InlineData("sixteen-bytes-01", "the interface name 'sixteen-bytes-01' has 16 bytes; 15 is the most Linux takes")]
    [InlineData("a/b", "'a/b' is no interface name: no '/', ':', white space, and neither '.' nor '..'")]
    public void A_mistake_is_one_line_and_code_1(string line, string expected)
    {
        (int code, string output, string errors) = Invoke(
            line.Length == 0 ? [] : line.Split('|'), _ => throw new InvalidOperationException());
        Assert.Equal((1, ""), (code, output));
        Assert.Matches(
            $@"^.*({System.Text.RegularExpressions.Regex.Escape(expected)}).* \(see wireguard-vsock --help\)$", errors);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    [InlineData("-h wg0")]
    [InlineData("-n bogus -h")]
    public void Help_is_one_page_that_names_every_option_and_variable(string line)
    {
        (int code, string output, string errors) = Invoke(line.Split(' '), _ => throw new InvalidOperationException());
        Assert.Equal((0, ""), (code, errors));
        Assert.InRange(output.Split('\n').Length, 10, 80);
        Assert.DoesNotContain(output.Split('\n'), l => l.Length > 100);
        foreach (string word in new[]
        {
            "--foreground", "--network", "--streams", "--superpackets", "--version", "LOG_LEVEL", "WG_TUN_FD", "WG_UAPI_FD",
            "WG_PROCESS_FOREGROUND",
        })
        {
            Assert.Contains(word, output);
        }
    }

    [Fact]
    public void Version_comes_first_and_alone_on_its_line()
    {
        (int code, string output, string errors) = Invoke(["--version"], _ => throw new InvalidOperationException());
        Assert.Equal((0, ""), (code, errors));
        Assert.StartsWith("wireguard-vsock v0.6.0\n", output);
        Assert.Equal(CommandLine.Version, $"v{typeof(CommandLine).Assembly.GetName().Version!.ToString(3)}");
    }

    private static (int Code, string Output, string Errors) Invoke(string[] arguments, Func<CommandLine.Request, int> start)
    {
        string output = "", errors = "";
        int code = CommandLine.Invoke(arguments, text => output += text, text => errors += text, start);
        return (code, output, errors);
    }
}
