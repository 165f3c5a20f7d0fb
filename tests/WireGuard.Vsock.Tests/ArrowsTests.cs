using System.Text.RegularExpressions;

namespace WireGuard.Vsock.Tests;

/// <summary>
/// Which folder may use which: one uses those of the rows above its own, and none beside or below it. Read from the sources:
/// their `using` lines, and the names that they qualify with a folder.
/// </summary>
public sealed partial class ArrowsTests
{
    private static readonly string[][] Rows =
    [
        ["Interop"],
        ["Events", "Processes", "Sandbox"],
        ["Transport", "Tun"],
        ["Link", "Metrics"],
        ["SharedState"],
        ["Streams", "Lanes", "Relay", "Provisioning"],
        ["Control"],
        ["Uapi", "Config"],
        ["Tunnels"],
        ["Commands"],
    ];

    private static readonly Regex Qualified =
        new($@"(?<![\w.])({string.Join('|', Rows.SelectMany(row => row).Where(name => name != "Interop"))})\.[A-Z]\w*");

    private static string Sources => Path.Combine(Repository.Root, "src", "WireGuard.Vsock");

    public static TheoryData<string> Folders => [.. Rows.SelectMany(row => row)];

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_uses_only_folders_before_its_own(string folder)
    {
        int row = Array.FindIndex(Rows, names => names.Contains(folder));
        HashSet<string> allowed = [folder, .. Rows[..row].SelectMany(names => names)];
        string[] files = Directory.GetFiles(Path.Combine(Sources, folder), "*.cs", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        Assert.All(files, file => Assert.All(UsedBy(file), used => Assert.Contains(used, allowed)));
    }

    [Fact]
    public void Every_folder_has_its_place()
    {
        IEnumerable<string> folders = Directory.GetDirectories(Sources).Select(path => Path.GetFileName(path)!);
        Assert.Equal(
            Rows.SelectMany(row => row).Order(StringComparer.Ordinal),
            folders.Except(["bin", "obj"]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("WireGuard.Protocol", "WireGuard.Attestation")]
    [InlineData("WireGuard.Attestation", "WireGuard.Protocol")]
    public void Libraries_use_nothing_of_the_daemon_or_of_each_other(string library, string other)
    {
        string folder = Path.Combine(Repository.Root, "src", library);
        string[] files = [.. Directory.GetFiles(folder, "*.cs"), .. Directory.GetDirectories(folder)
            .Where(folder => Path.GetFileName(folder) is not ("bin" or "obj"))
            .SelectMany(folder => Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories))];
        Assert.NotEmpty(files);
        Assert.All(files, file => Assert.DoesNotContain("WireGuard.Vsock", File.ReadAllText(file), StringComparison.Ordinal));
        Assert.All(files, file => Assert.DoesNotContain(other, File.ReadAllText(file), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("using WireGuard.Vsock.Lanes;", "Lanes")]
    [InlineData("using static WireGuard.Vsock.Interop.Libc;", "Interop")]
    [InlineData("    private readonly int[] _counts = new int[Lanes.Lane.MaxCount];", "Lanes")]
    [InlineData("    /// <see cref=\"Control.Device\"/>", "Control")]
    public void Uses_are_found(string line, string folder) => Assert.Equal([folder], UsedIn(line));

    private static IEnumerable<string> UsedBy(string file) => UsedIn(File.ReadAllText(file)).Distinct();

    private static IEnumerable<string> UsedIn(string text) =>
        Usings().Matches(text).Concat(Qualified.Matches(text)).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"^using (?:static )?(?:\w+ = )?WireGuard\.Vsock\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Usings();
}
