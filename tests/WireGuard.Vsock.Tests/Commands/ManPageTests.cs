using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Config;

namespace WireGuard.Vsock.Tests.Commands;

/// <summary>
/// What the man pages have in them. Whether they are well-formed is for their tools to say, in the end-to-end tests.
/// </summary>
public sealed class ManPageTests
{
    private static readonly string s_program = Plain(HelpPages.ManPage(CommandTable.All));
    private static readonly string s_config = Plain(ConfigPage.ManPage);

    public static TheoryData<string> Names => [.. CommandTable.All.Select(command => command.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_command_stands_in_it_with_its_options(string name)
    {
        CommandPage page = CommandTable.Find(name)!;
        Assert.Contains($"\n.SS {name}\n", s_program, StringComparison.Ordinal);
        Assert.All(page.OptionWords, option => Assert.Contains(option, s_program, StringComparison.Ordinal));
        IEnumerable<HelpItem> items = [.. page.Options, .. page.Environment, .. page.Files];
        Assert.All(items, item => Assert.Contains($"\n.TP\n{item.Term}\n", s_program, StringComparison.Ordinal));
    }

    [Fact]
    public void The_daemons_options_stand_in_it() =>
        Assert.All(CommandLine.Page.OptionWords, option => Assert.Contains(option, s_program, StringComparison.Ordinal));

    [Fact]
    public void Examples_of_files_are_without_mistakes()
    {
        string[] lines = [.. ConfigPage.Blocks.OfType<HelpBlock.Line>().Select(line => line.Text)];
        int relay = Array.IndexOf(lines, "[Relay]");
        string[] tunnels = string.Join('\n', lines[..relay]).Split("[Interface]");
        Assert.All(tunnels[1..], text => Assert.Empty(ConfigReader.Read($"[Interface]{text}", _ => 0).Diagnostics));
        Assert.Empty(RelayReader.Read(string.Join('\n', lines[relay..])).Diagnostics);
    }

    [Fact]
    public void Each_key_of_a_configuration_file_stands_in_its_page() => Assert.All(
        [.. KeyMeaning.OfInterface, .. KeyMeaning.OfPeer, .. KeyMeaning.OfRelay, .. KeyMeaning.OfGeneral],
        key => Assert.Contains($"\n.TP\n{key.Key} = {key.Value}\n", s_config, StringComparison.Ordinal));

    [Fact]
    public void Pages_are_plain_ASCII_in_short_lines()
    {
        foreach (string page in new[] { HelpPages.ManPage(CommandTable.All), ConfigPage.ManPage })
        {
            Assert.All(page, c => Assert.True(c is '\n' or (>= ' ' and <= '~'), $"'{c}'"));
            Assert.EndsWith("\n", page, StringComparison.Ordinal);
            Assert.DoesNotContain(page.Split('\n'), line => line.Length > 0 && line.Trim() != line);
        }
    }

    [Theory]
    [InlineData("a-b \\ 'c' ~ ^ `d` \"e\"", "a\\-b \\e \\(aqc\\(aq \\(ti \\(ha \\(gad\\(ga \\(dqe\\(dq")]
    [InlineData(".conf is no request", "\\&.conf is no request")]
    [InlineData("One. Two? Three", "One.\nTwo?\nThree")]
    public void Text_is_escaped(string text, string roff) =>
        Assert.EndsWith($"\n{roff}\n", Roff.Of("x", 8, "y", [new HelpBlock.Paragraph(text)]), StringComparison.Ordinal);

    [Fact]
    public void Options_are_bold_and_values_italic() => Assert.Contains(
        "\n\\fB\\-f\\fR, \\fB\\-\\-wait\\fR[=\\fISECONDS\\fR]\nMeans.\n",
        Roff.Of("x", 8, "y", [new HelpBlock.Item("-f, --wait[=SECONDS]", "Means.")]),
        StringComparison.Ordinal);

    private static string Plain(string roff) => roff.Replace("\\fB", "").Replace("\\fI", "").Replace("\\fR", "")
        .Replace("\\(aq", "'").Replace("\\(dq", "\"").Replace("\\(ti", "~").Replace("\\&", "").Replace("\\-", "-");
}
