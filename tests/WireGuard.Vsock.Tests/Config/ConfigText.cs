using WireGuard.Vsock.Config;

namespace WireGuard.Vsock.Tests.Config;

/// <summary>Keys to speak of, and the reader with what it needs.</summary>
internal static class ConfigText
{
    // The keys of wg(8)'s example.
    internal const string Private = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
    internal const string Peer1 = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
    internal const string Peer2 = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
    internal const string Peer3 = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";
    internal const string Preshared = "/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=";
    internal const string Zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    /// <summary>What a peer needs, from line 3 of a file that begins with <see cref="Head"/>.</summary>
    internal const string Peer = $"[Peer]\nPublicKey = {Peer1}\nAllowedIPs = 10.0.0.2/32\n";

    internal const string Head = $"[Interface]\nPrivateKey = {Private}\n";

    internal static uint Interfaces(string name) => name == "eth0" ? 3u : 0;

    internal static ConfigResult Read(string text) => ConfigReader.Read(text, Interfaces);

    /// <summary>The settings of a text without mistakes.</summary>
    internal static TunnelSettings Settings(string text)
    {
        ConfigResult result = Read(text);
        Assert.True(result.Settings is not null, string.Join('\n', result.Diagnostics.Select(found => found.ToText("f"))));
        return result.Settings!;
    }

    /// <summary>All that is said of a text, each with its place.</summary>
    internal static string[] Said(string text)
    {
        using ConfigResult result = Read(text);
        Assert.Equal(result.Diagnostics.Any(found => !found.IsWarning), result.HasMistakes);
        return [.. result.Diagnostics.Select(found => found.ToText("f"))];
    }
}
