using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class CheckCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("check-").FullName;
    private readonly List<string> _output = [];
    private readonly List<string> _errors = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_right_file_is_0()
    {
        string file = Write("wg0.conf", "[Interface]\nPostUp = x\n");
        Assert.Equal(0, Check(file));
        Assert.Equal([$"{file}: no mistakes"], _output);
    }

    [Fact]
    public void Warnings_are_shown_and_are_no_mistakes()
    {
        string file = Write("wg0.conf", "[Interface]\n");
        Assert.Equal(0, Check(file));
        Assert.Equal(2, _output.Count);
        Assert.StartsWith($"{file}:1:1: PrivateKey: warning: ", _output[0], StringComparison.Ordinal);
    }

    [Fact]
    public void One_wrong_file_of_several_is_1_and_all_are_checked()
    {
        string wrong = Write("wg0.conf", "[Interface]\nPostUp = x\nMTU = 5\nTable = x\n");
        string right = Write("wg1.conf", "[Interface]\nPostUp = x\n");
        string none = Path.Combine(_folder, "wg2.conf");
        Assert.Equal(1, Check("--", none, wrong, right));
        Assert.Equal([$"{none} does not exist"], _errors);
        Assert.StartsWith($"{wrong}:3:7: MTU: ", _output[0], StringComparison.Ordinal);
        Assert.StartsWith($"{wrong}:4:9: Table: ", _output[1], StringComparison.Ordinal);
        Assert.Equal($"{right}: no mistakes", _output[2]);
    }

    [Fact]
    public void A_relays_file_is_told_by_its_sections_under_any_name()
    {
        string right = Write("a relay's file", "[Relay]\nListen = udp:51820\nTo = vsock:16:51820\n");
        string wrong = Write("relay.conf", "[Relay]\nListen = udp:51820\n");
        Assert.Equal(1, Check(right, wrong));
        Assert.Equal([$"{right}: no mistakes", $"{wrong}:1:1: To: where to? Add To = ADDRESS, or Peer = KEY=ADDRESS"], _output);
    }

    [Theory]
    [InlineData]
    [InlineData("--")]
    [InlineData("--fix")]
    [InlineData("wg0.conf", "-x")]
    public void Wrong_usage_is_said(params string[] arguments) => Assert.Throws<UsageException>(() => Check(arguments));

    private int Check(params string[] arguments) => CheckCommand.Check(arguments, _output.Add, _errors.Add);

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
