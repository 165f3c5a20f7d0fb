using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Tests.Processes;

public sealed class ProgramPathTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wireguard-path").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_name_is_looked_up_in_PATH() => Assert.EndsWith("/sh", ProgramPath.Find("sh"), StringComparison.Ordinal);

    [Fact]
    public void A_name_with_a_slash_is_a_path() => Assert.Equal("/bin/sh", ProgramPath.Find("/bin/sh"));

    [Theory]
    [InlineData("no-such-program", "cannot run 'no-such-program': there is no such file in PATH")]
    [InlineData("", "cannot run '': there is no such file in PATH")]
    [InlineData("/no/such/program", "cannot run '/no/such/program': there is no such file")]
    public void What_is_not_found_is_127(string name, string line)
    {
        SetupException e = Assert.Throws<SetupException>(() => ProgramPath.Find(name));
        Assert.Equal((127, line), (e.ExitCode, e.Message));
        Assert.Null(ProgramPath.TryFind(name));
    }

    [Fact]
    public void What_cannot_be_executed_is_126()
    {
        string file = Path.Combine(_folder, "text");
        File.WriteAllText(file, "");
        foreach (string name in new[] { file, _folder })
        {
            SetupException e = Assert.Throws<SetupException>(() => ProgramPath.Find(name));
            Assert.Equal((126, $"cannot run '{name}': it is no file that may be executed"), (e.ExitCode, e.Message));
        }
    }
}
