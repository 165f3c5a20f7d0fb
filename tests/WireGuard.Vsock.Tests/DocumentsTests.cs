using System.Text.RegularExpressions;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests;

/// <summary>What the documents say of the sources is so: files are where they say, and constants are in those files.</summary>
public sealed partial class DocumentsTests
{
    /// <summary>A name in one of these folders is meant, if none is given: `Lanes/Inbound.cs`, `P/Noise/Limits.cs`.</summary>
    private static readonly string[] Folders =
        ["", "src", "src/WireGuard.Vsock", "src/WireGuard.Protocol", "src/WireGuard.Attestation", "tests"];

    private static readonly Dictionary<string, string> Letters = new()
    {
        ["P/"] = "src/WireGuard.Protocol/",
        ["V/"] = "src/WireGuard.Vsock/",
    };

    public static TheoryData<string> Documents =>
    [
        "README.md", "CONTRIBUTING.md", "SECURITY.md", "src/WireGuard.Protocol/README.md",
        "src/WireGuard.Attestation/README.md",
        .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Select(path => "docs/" + Path.GetFileName(path)),
    ];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Files_that_it_names_exist(string document)
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, document));
        IEnumerable<string> named = SourceFile().Matches(text).Select(match => match.Value).Distinct();
        Assert.All(named, name => Assert.True(TryFind(name, out _), $"{document} names {name}, which is not there"));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Its_links_lead_somewhere(string document)
    {
        string path = Path.Combine(Repository.Root, document);
        IEnumerable<string> links = Link().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value);
        Assert.All(links, link => Assert.True(
            Path.Exists(Path.Combine(Path.GetDirectoryName(path)!, link)), $"{document} links to {link}, which is not there"));
    }

    /// <summary>The last cell of a row: a file, then constants in it. Without a file it means that of the row above.</summary>
    [Fact]
    public void Bounds_are_where_their_table_says()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs/protocol.md"));
        string file = "";
        int constants = 0;
        foreach (Match row in BoundsRow().Matches(text[text.IndexOf("## Every bound and default", StringComparison.Ordinal)..]))
        {
            foreach (Match part in FileOrConstant().Matches(row.Groups[1].Value))
            {
                if (part.Groups["file"].Success)
                {
                    string name = part.Value.Contains('/', StringComparison.Ordinal)
                        ? part.Value
                        : Path.GetRelativePath(Repository.Root, Path.Combine(Path.GetDirectoryName(file)!, part.Value));
                    Assert.True(TryFind(name, out file), $"{name} is not there");
                    continue;
                }

                constants++;
                string constant = part.Groups["constant"].Value;
                Assert.True(
                    Regex.IsMatch(File.ReadAllText(file), $@"\b{constant}\b"), $"{constant} is not in {Path.GetFileName(file)}");
            }
        }

        Assert.InRange(constants, 50, int.MaxValue);
    }

    [Fact]
    public void Every_reason_to_drop_is_in_the_table_of_counters()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs/protocol.md"));
        foreach (DropReason reason in Enum.GetValues<DropReason>())
        {
            string name = Regex.Replace(reason.ToString(), "(?<!^)([A-Z])", "_$1").ToLowerInvariant();
            Assert.Contains($"| `{name}` |", text, StringComparison.Ordinal);
        }
    }

    private static bool TryFind(string name, out string path)
    {
        string full = Letters.GetValueOrDefault(name[..2]) is { } folder ? folder + name[2..] : name;
        path = Folders.Select(parent => Path.Combine(Repository.Root, parent, full)).FirstOrDefault(File.Exists) ?? "";
        return path.Length != 0;
    }

    [GeneratedRegex(@"(?<![\w./*])[\w.]+(?:/[\w.]+)+\.(?:cs|sh|md|txt|csproj)\b(?!\))")]
    private static partial Regex SourceFile();

    [GeneratedRegex(@"\]\(([\w./-]+)(?:#[\w-]+)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^\|.*\| *([^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex BoundsRow();

    [GeneratedRegex(@"(?<file>[\w./]+\.cs)|`(?<constant>\w+)`")]
    private static partial Regex FileOrConstant();
}
