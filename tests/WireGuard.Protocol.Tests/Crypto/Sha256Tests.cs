using System.Text;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

public sealed class Sha256Tests
{
    // FIPS 180-2 appendix B.1; the others were made with CPython's hashlib, over inputs 00 01 02 …
    [Fact]
    public void Hash_of_abc_is_as_in_fips_180() => Assert.Equal(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Hash("abc"u8, []));

    [Fact]
    public void Hash_of_two_inputs_is_that_of_them_joined()
    {
        byte[] input = [.. Enumerable.Range(0, 200).Select(i => (byte)i)];
        for (int split = 0; split <= input.Length; split++)
        {
            string digest = Hash(input.AsSpan(..split), input.AsSpan(split..));
            Assert.Equal("1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f", digest);
        }
    }

    // RFC 4231 sections 4.2, 4.3 and 4.7
    [Theory]
    [InlineData(0x0b, 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")]
    [InlineData(
        0xaa,
        131,
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")]
    public void Hmac_is_as_in_rfc_4231(byte fill, int length, string text, string mac)
    {
        byte[] key = new byte[length];
        Array.Fill(key, fill);
        byte[] input = Encoding.ASCII.GetBytes(text);
        for (int split = 0; split <= input.Length; split++)
        {
            byte[] computed = new byte[32];
            int second = (split + input.Length) / 2;
            HmacSha256.Compute(key, input.AsSpan(..split), input.AsSpan(split..second), input.AsSpan(second..), computed);
            Assert.Equal(mac, Convert.ToHexStringLower(computed));
        }
    }

    [Fact]
    public void Hmac_may_be_written_over_its_key()
    {
        byte[] key = "Jefe"u8.ToArray(), place = new byte[32];
        HmacSha256.Compute(key, "what do ya want for nothing?"u8, [], [], place);
        Assert.Equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", Convert.ToHexStringLower(place));
        byte[] apart = new byte[32];
        HmacSha256.Compute(place, "a"u8, [], [], apart);
        HmacSha256.Compute(place, "a"u8, [], [], place);
        Assert.Equal(apart, place);
    }

    [Fact]
    public void Lengths_are_checked()
    {
        Assert.Throws<ArgumentException>(() => Sha256.Hash([], [], new byte[31]));
        Assert.Throws<ArgumentException>(() => HmacSha256.Compute([], [], [], [], new byte[32]));
        Assert.Throws<ArgumentException>(() => HmacSha256.Compute([1], [], [], [], new byte[33]));
    }

    private static string Hash(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        byte[] digest = new byte[Sha256.HashSize];
        Sha256.Hash(a, b, digest);
        return Convert.ToHexStringLower(digest);
    }
}
