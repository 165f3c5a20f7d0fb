using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

public sealed class CryptoLibraryTests
{
    [Fact]
    public void Library_is_available()
    {
        Assert.True(CryptoLibrary.IsAvailable(out string reason));
        Assert.Equal("", reason);
    }

    [Fact]
    public void Random_bytes_fill_any_length_and_do_not_repeat()
    {
        foreach (int length in (int[])[0, 1, 32, 256, 257, 100_000]) SecureRandom.Fill(new byte[length]);
        byte[] one = new byte[32], other = new byte[32];
        SecureRandom.Fill(one);
        SecureRandom.Fill(other);
        Assert.NotEqual(one, other);
        Assert.True(one.AsSpan().ContainsAnyExcept((byte)0));
    }
}
