using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class CommandTableTests
{
    public static TheoryData<string> Names => [.. CommandTable.All.Select(command => command.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_word_is_a_command_only_as_the_first_argument(string name)
    {
        Assert.Equal(name, CommandTable.Find([name, "wg0"])?.Name);
        Assert.Null(CommandTable.Find(["--", name]));
        Assert.Null(CommandTable.Find(["-f", name]));
        Assert.Null(CommandTable.Find([name.ToUpperInvariant()]));
    }

    [Fact]
    public void A_line_without_a_word_is_not_a_commands() => Assert.Null(CommandTable.Find([]));

    [Theory]
    [MemberData(nameof(Names))]
    public void A_commands_help_is_asked_for_in_three_ways_and_is_the_same(string name)
    {
        CommandPage page = CommandTable.Find(name)!;
        string help = HelpText.Of(page);
        foreach (string[] line in new[] { new[] { "--help" }, ["-h"], ["whatever", "--help"] })
        {
            Assert.Equal((0, help, ""), Invoke(page with { Run = _ => throw new InvalidOperationException() }, line));
        }
        Assert.Equal(0, CommandTable.Find("help")!.Run([name]));
    }

    [Fact]
    public void What_follows_two_dashes_is_not_the_commands_own() => Assert.Equal(
        (7, "", ""), Invoke(new CommandPage("go", "Go", [""], line => line.Count == 4 ? 7 : 0), ["x", "--", "ls", "--help"]));

    [Theory]
    [MemberData(nameof(Names))]
    public void A_commands_help_fits_the_terminal(string name)
    {
        CommandPage page = CommandTable.Find(name)!;
        string help = HelpText.Of(page);
        Assert.StartsWith($"Usage: wireguard-vsock {name}", help, StringComparison.Ordinal);
        Assert.DoesNotContain(help.Split('\n'), line => line.Length > 100 || line.EndsWith(' '));
        IEnumerable<HelpItem> items = [.. page.Options, .. page.Files, .. page.Environment, .. page.Examples];
        IEnumerable<string> terms = items.SelectMany(item => item.Term.Split('\n'));
        Assert.All(terms, term => Assert.Contains(term, help, StringComparison.Ordinal));
        Assert.All(items, item => Assert.Matches("[.:]$", item.Meaning));
        Assert.Matches("^[A-Z][^.]*$", page.Summary);
    }

    [Fact]
    public void Mistakes_are_one_line_with_what_to_type_next()
    {
        CommandPage page = new("go", "Go", ["[-f]"], _ => throw new UsageException("go where?"));
        Assert.Equal((2, "", "go: go where? (see wireguard-vsock help go)"), Invoke(page, []));
        Assert.Equal((1, "", "no road"), Invoke(page with { Run = _ => throw new SetupException("no road") }, []));
        Assert.Equal(
            (1, "", "open: No such file or directory"),
            Invoke(page with { Run = _ => throw new LinuxException("open", Errno.ENOENT) }, []));
        (int code, _, string error) = Invoke(page with { Run = _ => throw new FormatException("a\nb") }, []);
        Assert.Equal((1, "go failed, which is a mistake of this program: FormatException: a b"), (code, error));
    }

    [Theory]
    [InlineData("hlep", "there is no command 'hlep', did you mean 'help'?")]
    [InlineData("frob", "there is no command 'frob'")]
    public void An_unknown_command_is_told_with_the_nearest(string word, string line)
    {
        Assert.Equal(line, CommandTable.NoSuchCommand(word));
        Assert.Equal((2, "", $"help: {line} (see wireguard-vsock help help)"), Invoke(CommandTable.Find("help")!, [word]));
    }

    private static (int Code, string Output, string Error) Invoke(CommandPage page, string[] arguments)
    {
        string output = "", error = "";
        int code = page.Invoke(arguments, text => output += text, text => error += text);
        return (code, output, error);
    }
}
