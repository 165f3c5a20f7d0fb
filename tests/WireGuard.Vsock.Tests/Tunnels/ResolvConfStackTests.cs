using System.Text;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>What is in resolv.conf, as tunnels come and go and processes are killed.</summary>
public sealed class ResolvConfStackTests
{
    private ResolvConfStack _stack = new();
    private byte[]? _file = "nameserver 192.0.2.53\n"u8.ToArray();

    private string? File => _file is null ? null : Encoding.ASCII.GetString(_file);

    [Theory]
    [InlineData("a b", "b a")]
    [InlineData("a b", "a b")]
    [InlineData("a b c", "b a c")]
    [InlineData("a b c", "a c b")]
    [InlineData("a b c", "c a b")]
    public void Tunnels_go_down_in_any_order(string up, string down)
    {
        string? before = File;
        foreach (string tunnel in up.Split(' '))
            Up(tunnel);
        List<string> left = [.. up.Split(' ')];
        foreach (string tunnel in down.Split(' '))
        {
            Down(tunnel);
            left.Remove(tunnel);
            Assert.Equal(left.Count > 0 ? TextOf(left[^1]) : before, File);
        }

        Assert.True(_stack.IsEmpty);
    }

    [Theory]
    [InlineData("a a", "a")]
    [InlineData("a b a", "a b")]
    [InlineData("a b a", "b a")]
    [InlineData("a b b", "a b")]
    public void A_tunnel_that_never_went_down_comes_up_again(string up, string down)
    {
        string? before = File;
        foreach (string tunnel in up.Split(' '))
            Up(tunnel);
        foreach (string tunnel in down.Split(' '))
            Down(tunnel);
        Assert.Equal(before, File);
        Assert.True(_stack.IsEmpty);
    }

    [Fact]
    public void A_file_that_was_missing_is_removed()
    {
        _file = null;
        Up("a");
        Assert.Equal(TextOf("a"), File);
        Down("a");
        Assert.Null(_file);
    }

    [Fact]
    public void What_another_program_wrote_stays()
    {
        Up("a");
        _file = "nameserver 198.51.100.1\n"u8.ToArray();
        Assert.Equal(ResolvConfFate.NotOurs, Down("a"));
        Assert.Equal("nameserver 198.51.100.1\n", File);
    }

    [Fact]
    public void What_another_program_wrote_is_what_the_next_tunnel_puts_back()
    {
        Up("a");
        _file = "nameserver 198.51.100.1\n"u8.ToArray();
        Up("b");
        Assert.Equal(ResolvConfFate.Kept, Down("a"));
        Assert.Equal(TextOf("b"), File);
        Down("b");
        Assert.Equal("nameserver 198.51.100.1\n", File);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_tunnel_that_was_killed_while_it_wrote_leaves_nothing(bool emptied)
    {
        string? before = File;
        Up("a");
        _stack.Push("b", Encoding.ASCII.GetBytes(TextOf("b")), _file);
        if (emptied)
            _file = [];
        Down("b");
        Assert.Equal(TextOf("a"), File);
        Down("a");
        Assert.Equal(before, File);
    }

    [Fact]
    public void A_tunnel_that_was_killed_before_it_wrote_is_not_put_back()
    {
        string? before = File;
        Up("a");
        _stack.Push("b", Encoding.ASCII.GetBytes(TextOf("b")), _file);
        Up("c");
        Down("c");
        Assert.Equal(TextOf("a"), File);
        Down("a");
        Assert.Equal(before, File);
    }

    [Fact]
    public void An_empty_file_is_put_back()
    {
        _file = [];
        Up("a");
        Down("a");
        Assert.Equal("", File);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("a !!!\n")]
    [InlineData(" YQ==\n")]
    public void What_is_no_such_file_is_an_empty_stack(string text) =>
        Assert.True(ResolvConfStack.Parse(Encoding.ASCII.GetBytes(text)).IsEmpty);

    private static string TextOf(string tunnel) => $"# {tunnel}\nnameserver 203.0.113.1\n";

    private void Up(string tunnel)
    {
        _stack.Push(tunnel, Encoding.ASCII.GetBytes(TextOf(tunnel)), _file);
        _file = Encoding.ASCII.GetBytes(TextOf(tunnel));
        Reread();
    }

    private ResolvConfFate Down(string tunnel)
    {
        ResolvConfFate fate = _stack.Remove(tunnel, _file, out byte[]? next);
        if (fate == ResolvConfFate.Replaced)
            _file = next;
        Reread();
        return fate;
    }

    /// <summary>Each step is another process, which reads what the one before has written.</summary>
    private void Reread() => _stack = ResolvConfStack.Parse(_stack.ToFile());
}
