using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

public sealed class KeyTests
{
    // RFC 7748 section 6.1, Alice's key pair
    private const string PrivateHex = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    private const string PublicHex = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";

    [Fact]
    public void Private_key_is_clamped_and_knows_its_public_half()
    {
        using var key = new PrivateKey(Convert.FromHexString(PrivateHex));
        Assert.Equal("70" + PrivateHex[2..62] + "6a", Convert.ToHexStringLower(key.Bytes));
        Assert.Equal(PublicHex, key.PublicKey.ToHex());
    }

    [Fact]
    public void Generated_keys_are_clamped_and_differ()
    {
        using var one = PrivateKey.Generate();
        using var other = PrivateKey.Generate();
        Assert.Equal(0, one.Bytes[0] & 7);
        Assert.Equal(64, one.Bytes[31] & 192);
        Assert.NotEqual(one.PublicKey, other.PublicKey);
    }

    [Fact]
    public void Disposed_keys_are_wiped_and_refuse_to_serve()
    {
        var key = PrivateKey.Generate();
        var psk = new PresharedKey(Convert.FromHexString(PublicHex));
        // These keep the memory alive, so that it can be looked at after the wipe.
        ReadOnlySpan<byte> keyMemory = key.Bytes;
        ReadOnlySpan<byte> pskMemory = psk.Bytes;
        PublicKey publicKey = key.PublicKey;
        key.Dispose();
        psk.Dispose();
        Assert.False(keyMemory.ContainsAnyExcept((byte)0));
        Assert.False(pskMemory.ContainsAnyExcept((byte)0));
        Assert.Throws<ObjectDisposedException>(() => key.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(() => psk.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(() => psk.IsZero);
        Assert.Equal(publicKey, key.PublicKey);
    }

    [Fact]
    public void Preshared_key_of_zeros_is_none()
    {
        using var none = new PresharedKey(new byte[32]);
        Assert.True(none.IsZero);
        for (int i = 0; i < 32; i++)
        {
            byte[] bytes = new byte[32];
            bytes[i] = 1;
            using var some = new PresharedKey(bytes);
            Assert.False(some.IsZero);
            Assert.Equal(bytes, some.Bytes);
        }
    }

    [Fact]
    public void Keys_of_other_lengths_are_refused()
    {
        foreach (int length in (int[])[0, 31, 33])
        {
            Assert.Throws<ArgumentException>(() => new PublicKey(new byte[length]));
            Assert.Throws<ArgumentException>(() => new PrivateKey(new byte[length]));
            Assert.Throws<ArgumentException>(() => new PresharedKey(new byte[length]));
        }
    }

    [Fact]
    public void Public_key_reads_and_writes_hex()
    {
        Assert.True(PublicKey.TryParseHex(PublicHex, out PublicKey key));
        Assert.True(PublicKey.TryParseHex(PublicHex.ToUpperInvariant(), out PublicKey same));
        Assert.Equal(key, same);
        Assert.Equal(PublicHex, key.ToHex());
        byte[] copy = new byte[40];
        key.CopyTo(copy);
        Assert.Equal(Convert.FromHexString(PublicHex), copy[..32]);
        Assert.Equal(copy.AsSpan(0, 32), key.Bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6")]
    [InlineData("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a6a")]
    [InlineData("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6g")]
    [InlineData(" 520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")]
    public void What_is_not_64_hex_digits_is_no_public_key(string text)
    {
        Assert.False(PublicKey.TryParseHex(text, out PublicKey key));
        Assert.True(key.IsZero);
    }

    [Fact]
    public void Public_keys_that_differ_in_one_bit_are_unequal()
    {
        byte[] bytes = Convert.FromHexString(PublicHex);
        var key = new PublicKey(bytes);
        Assert.False(key.IsZero);
        Assert.True(key == new PublicKey(bytes));
        Assert.Equal(key.GetHashCode(), new PublicKey(bytes).GetHashCode());
        for (int bit = 0; bit < 256; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.True(key != new PublicKey(bytes));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    // base64 of the key is hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=
    [Fact]
    public void Public_key_shows_itself_abbreviated()
    {
        Assert.True(PublicKey.TryParseHex(PublicHex, out PublicKey key));
        Assert.Equal("hSDw…bTmo", key.ToString());
    }
}
