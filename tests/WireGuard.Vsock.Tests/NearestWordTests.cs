namespace WireGuard.Vsock.Tests;

public sealed class NearestWordTests
{
    private static readonly string[] s_known = ["up", "down", "show", "showconf", "PersistentKeepalive", "PublicKey"];

    [Theory]
    [InlineData("shwo", "show")]
    [InlineData("SHOW", "show")]
    [InlineData("dwn", "down")]
    [InlineData("uo", "up")]
    [InlineData("showcnof", "showconf")]
    [InlineData("PersistantKeepalive", "PersistentKeepalive")]
    [InlineData("publickey", "PublicKey")]
    [InlineData("statsu", null)]
    [InlineData("xy", null)]
    [InlineData("", null)]
    public void The_nearest_word_is_found_if_it_is_near(string word, string? nearest) =>
        Assert.Equal(nearest, NearestWord.To(word, s_known));

    [Fact]
    public void A_word_of_any_length_costs_little() => Assert.Null(NearestWord.To(new string('a', 1_000_000), s_known));
}
