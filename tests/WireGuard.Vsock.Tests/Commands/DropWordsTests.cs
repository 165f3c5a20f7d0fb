using System.Text.RegularExpressions;
using WireGuard.Vsock.Commands;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.Commands;

public sealed partial class DropWordsTests
{
    private static readonly string[] Names =
    [
        .. Enum.GetNames<DropReason>().Select(name => Capitals().Replace(name, "_$0").ToLowerInvariant()),
        "refused_connections",
    ];

    public static TheoryData<string> Counters => [.. Names];

    [Theory]
    [MemberData(nameof(Counters))]
    public void Every_reason_to_drop_has_its_words(string counter) => Assert.NotNull(DropWords.Of(counter));

    [Fact]
    public void No_two_reasons_have_the_same_words() =>
        Assert.Equal(Names.Length, Names.Select(DropWords.Of).Distinct().Count());

    [Fact]
    public void What_was_not_dropped_has_none() => Assert.Null(DropWords.Of("garbage_collections"));

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex Capitals();
}
