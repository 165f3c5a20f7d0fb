using System.Text;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

public sealed class XChaCha20Poly1305Tests
{
    private static readonly byte[] Key = Range(0x80, 32);
    private static readonly byte[] Nonce = Range(0x40, 24);

    // draft-irtf-cfrg-xchacha-03 section 2.2.1
    [Fact]
    public void Hchacha20_is_as_in_the_draft()
    {
        byte[] subkey = new byte[32];
        HChaCha20.Derive(Range(0, 32), Convert.FromHexString("000000090000004a0000000031415927"), subkey);
        Assert.Equal("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc", Convert.ToHexStringLower(subkey));
    }

    // draft-irtf-cfrg-xchacha-03 appendix A.3.1
    [Fact]
    public void Sealing_and_opening_are_as_in_the_draft()
    {
        byte[] aad = Convert.FromHexString("50515253c0c1c2c3c4c5c6c7");
        byte[] plaintext = Encoding.ASCII.GetBytes(
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
            "sunscreen would be it.");
        byte[] ciphertext = Convert.FromHexString(
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb" +
            "96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e" +
            "c0875924c1c7987947deafd8780acf49");
        byte[] result = new byte[ciphertext.Length];
        XChaCha20Poly1305.Seal(Key, Nonce, aad, plaintext, result);
        Assert.Equal(ciphertext, result);
        Assert.True(XChaCha20Poly1305.TryOpen(Key, Nonce, aad, result, result.AsSpan(0, plaintext.Length)));
        Assert.Equal(plaintext, result.AsSpan(0, plaintext.Length));
    }

    [Fact]
    public void Any_flipped_bit_is_rejected_and_leaves_zeros()
    {
        byte[] key = [.. Key], nonce = [.. Nonce], aad = [1, 2, 3], cookie = Range(0, 16), ciphertext = new byte[32];
        XChaCha20Poly1305.Seal(key, nonce, aad, cookie, ciphertext);
        foreach (byte[] input in (byte[][])[key, nonce, aad, ciphertext])
        {
            for (int bit = 0; bit < 8 * input.Length; bit++)
            {
                input[bit / 8] ^= (byte)(1 << (bit % 8));
                byte[] opened = [.. cookie];
                Assert.False(XChaCha20Poly1305.TryOpen(key, nonce, aad, ciphertext, opened));
                Assert.Equal(new byte[16], opened);
                input[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        }
    }

    [Fact]
    public void What_is_shorter_than_a_tag_is_rejected()
    {
        for (int length = 0; length < 16; length++)
            Assert.False(XChaCha20Poly1305.TryOpen(Key, Nonce, default, new byte[length], default));
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        byte[] tag = new byte[16];
        foreach (int length in (int[])[0, 12, 23, 25])
        {
            byte[] nonce = new byte[length];
            Assert.Throws<ArgumentException>("nonce", () => XChaCha20Poly1305.Seal(Key, nonce, default, default, tag));
            Assert.Throws<ArgumentException>("nonce", () => XChaCha20Poly1305.TryOpen(Key, nonce, default, tag, default));
        }

        Assert.Throws<ArgumentException>("key", () => XChaCha20Poly1305.Seal(new byte[31], Nonce, default, default, tag));
        Assert.Throws<ArgumentException>(() => XChaCha20Poly1305.Seal(Key, Nonce, default, default, new byte[15]));
    }

    private static byte[] Range(int first, int count) => [.. Enumerable.Range(first, count).Select(i => (byte)i)];
}
