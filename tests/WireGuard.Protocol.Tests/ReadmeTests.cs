using System.Text;

namespace WireGuard.Protocol.Tests;

/// <summary>What the library's README shows compiles, runs, and does what it says.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void Example_of_the_README_is_the_one_that_is_run()
    {
        string[] source = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "ReadmeExample.cs"));
        string[] readme = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "README.md"));
        string[] shown = Between(readme, "```csharp", "```");
        string[] run = Between(source, "// README begins", "// README ends");
        Assert.Equal(run.Select(line => line.Length == 0 ? "" : line[8..]), shown);
        Assert.InRange(shown.Length, 1, 20);
    }

    [Fact]
    public void Example_of_the_README_carries_a_packet_each_way()
    {
        List<string> shown = [];
        ReadmeExample.Run(1_000_000, (what, bytes) => shown.Add($"{what}: {Encoding.UTF8.GetString(bytes)}"));
        Assert.Equal("B reads: from A to B", shown[0]);
        Assert.Equal("B: SessionConfirmed: ", shown[1]);
        Assert.Matches("^A reads, B's next deadline is 1[05][0-9]{3} ms away: from B to A$", shown[2]);
        Assert.Equal(3, shown.Count);
    }

    private static string[] Between(string[] lines, string first, string last)
    {
        int begin = Array.FindIndex(lines, line => line.Trim() == first) + 1;
        int end = Array.FindIndex(lines, begin, line => line.Trim() == last);
        return lines[begin..end];
    }
}
