using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

public sealed class Blake2sTests
{
    // RFC 7693 appendix B
    [Fact]
    public void Hash_of_abc_is_as_in_rfc_7693() => Assert.Equal(
        "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982", Hash("abc"u8.ToArray(), []));

    // RFC 7693 appendix E: the hash of many hashes. Most of them are of sizes that WireGuard has no use for and this library does
    // not make; the oracle makes those, so that the whole holds both to the RFC.
    [Fact]
    public void Self_test_is_as_in_rfc_7693()
    {
        var all = new MemoryStream();
        foreach (int digestSize in (int[])[16, 20, 28, 32])
        {
            foreach (int length in (int[])[0, 3, 64, 65, 255, 1024])
            {
                byte[] input = SelfTestSequence(length, length);
                byte[] key = SelfTestSequence(digestSize, digestSize);
                all.Write(digestSize == 32 ? Convert.FromHexString(Hash(input, [])) : NaiveBlake2s.Hash(input, digestSize));
                all.Write(digestSize is 16 or 32
                    ? Convert.FromHexString(Mac(key, input, digestSize))
                    : NaiveBlake2s.Hash(input, digestSize, key));
            }
        }

        Assert.Equal("6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe", Hash(all.ToArray(), []));
    }

    // Made with CPython's hashlib, over inputs 00 01 02 …
    [Theory]
    [InlineData(0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9")]
    [InlineData(64, "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e")]
    [InlineData(65, "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472")]
    [InlineData(200, "6d244e1a06ce4ef578dd0f63aff0936706735119ca9c8d22d86c801414ab9741")]
    public void Hash_of_two_inputs_is_that_of_them_joined(int length, string digest)
    {
        byte[] input = Count(length);
        for (int split = 0; split <= length; split++) Assert.Equal(digest, Hash(input[..split], input[split..]));
    }

    // Made with CPython's hashlib: blake2s(input, key=key, digest_size=size), over inputs 00 01 02 … and keys 80 81 82 …
    [Theory]
    [InlineData(32, 116, 16, "0bed5c6cdee5d5ace2b1a951b9b35c95")]
    [InlineData(16, 132, 16, "e1f73c6a42a2852c7c0fa6fee9421c25")]
    [InlineData(32, 18, 16, "df589de761dca7dd73fbb51dcb010728")]
    [InlineData(32, 128, 16, "394bd612df30b2c440d71f1809c30ade")]
    [InlineData(32, 0, 32, "29635d3f0df07f4d088bcda9b04b1c431ea0c074112249b86c8d7cefc3f3b96f")]
    [InlineData(1, 64, 32, "de898bbf049ab19b101a9d9c5316c3e2bc069c1ce8056c44f9dc97d3235f3432")]
    [InlineData(32, 65, 32, "39aa78662cb1a0dccf777815512bea02ebac0e967ddccb7798617a5e5d6477fa")]
    public void Mac_is_known(int keyLength, int length, int size, string mac) =>
        Assert.Equal(mac, Mac(Count(keyLength, 0x80), Count(length), size));

    // Made with CPython's hmac and hashlib: hmac.new(key, input, hashlib.blake2s), over inputs and keys as above
    [Theory]
    [InlineData(1, 0, "7ae9e6d8951c2644b919bdcfb7c7bd47bdadde2a722ab54aab53c06c00e8724b")]
    [InlineData(32, 1, "f62e76de953091eac99ace0364e25b7a4ebc4ece47dbdf1a336ef40596914492")]
    [InlineData(32, 32, "7fdc5ab3b5fbd0e813ba3a6266a354865115fd7b96342edcff57a348ab6fab47")]
    [InlineData(32, 33, "2cf5c9c7d4af6962a6fdba7a916710b7a02faa379570e10581b66d191d9993db")]
    [InlineData(32, 64, "a5f98c53ca7105fac2cae517889c3c018623bc663d15889a9bef638a060025e5")]
    [InlineData(64, 65, "fc61930f0f6d3f1de5cfbf13ca9d489fda99e31b1aad05158b0dbe255a510095")]
    [InlineData(65, 200, "2d209a73ae6af9a91aa0da4e3101901b4280f5a889eddac3e75f83ad2ba805df")]
    public void Hmac_is_known(int keyLength, int length, string digest) =>
        Assert.Equal(digest, Hmac(Count(keyLength, 0x80), Count(length)));

    [Fact]
    public void Random_inputs_agree_with_the_oracle()
    {
        var random = new Random(7693);
        for (int i = 0; i < 500; i++)
        {
            byte[] input = new byte[random.Next(300)];
            byte[] key = new byte[random.Next(1, 33)];
            byte[] hmacKey = new byte[random.Next(1, 130)];
            random.NextBytes(input);
            random.NextBytes(key);
            random.NextBytes(hmacKey);
            int split = random.Next(input.Length + 1);
            Assert.Equal(NaiveBlake2s.Hash(input, 32), Convert.FromHexString(Hash(input[..split], input[split..])));
            Assert.Equal(NaiveBlake2s.Hash(input, 16, key), Convert.FromHexString(Mac(key, input, 16)));
            Assert.Equal(NaiveBlake2s.Hash(input, 32, key), Convert.FromHexString(Mac(key, input, 32)));
            Assert.Equal(NaiveBlake2s.Hmac(hmacKey, input), Convert.FromHexString(Hmac(hmacKey, input)));
        }
    }

    [Fact]
    public void Output_may_replace_input()
    {
        byte[] input = Count(32);
        string hash = Hash(input, input), mac = Mac(input, input, 32), hmac = Hmac(input, input);
        byte[] buffer = [.. input];
        Blake2s.Hash(buffer, buffer, buffer);
        Assert.Equal(hash, Convert.ToHexStringLower(buffer));
        buffer = [.. input];
        Blake2s.Mac(buffer, buffer, buffer);
        Assert.Equal(mac, Convert.ToHexStringLower(buffer));
        buffer = [.. input];
        Blake2s.Hmac(buffer, buffer, buffer);
        Assert.Equal(hmac, Convert.ToHexStringLower(buffer));
    }

    [Fact]
    public void Threads_do_not_disturb_each_other() => Parallel.For(0, 4, seed =>
    {
        byte[] input = Count(100, seed);
        byte[] key = Count(32, seed + 1);
        string hash = Hash(input, key), mac = Mac(key, input, 16), hmac = Hmac(key, input);
        for (int i = 0; i < 2000; i++)
        {
            Assert.Equal(hash, Hash(input, key));
            Assert.Equal(mac, Mac(key, input, 16));
            Assert.Equal(hmac, Hmac(key, input));
        }
    });

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        byte[] bytes = new byte[64];
        foreach (int length in (int[])[0, 16, 31, 33])
        {
            Assert.Throws<ArgumentException>("digest", () => Blake2s.Hash(bytes, bytes, bytes.AsSpan(0, length)));
            Assert.Throws<ArgumentException>("digest", () => Blake2s.Hmac(bytes, bytes, bytes.AsSpan(0, length)));
        }

        foreach (int length in (int[])[0, 15, 17, 20, 31, 33])
            Assert.Throws<ArgumentException>("mac", () => Blake2s.Mac(bytes.AsSpan(0, 32), bytes, bytes.AsSpan(0, length)));
        foreach (int length in (int[])[0, 33])
            Assert.Throws<ArgumentException>("key", () => Blake2s.Mac(bytes.AsSpan(0, length), bytes, bytes.AsSpan(0, 16)));
        Assert.Throws<ArgumentException>("key", () => Blake2s.Hmac([], bytes, bytes.AsSpan(0, 32)));
    }

    private static byte[] Count(int length, int first = 0) => [.. Enumerable.Range(first, length).Select(i => (byte)i)];

    // selftest_seq of RFC 7693 appendix E: a Fibonacci generator
    private static byte[] SelfTestSequence(int length, int seed)
    {
        byte[] sequence = new byte[length];
        uint a = unchecked(0xdead4bad * (uint)seed), b = 1;
        for (int i = 0; i < length; i++)
        {
            (a, b) = (b, unchecked(a + b));
            sequence[i] = (byte)(b >> 24);
        }

        return sequence;
    }

    private static string Hash(byte[] a, byte[] b)
    {
        byte[] digest = new byte[32];
        Blake2s.Hash(a, b, digest);
        return Convert.ToHexStringLower(digest);
    }

    private static string Mac(byte[] key, byte[] input, int size)
    {
        byte[] mac = new byte[size];
        Blake2s.Mac(key, input, mac);
        return Convert.ToHexStringLower(mac);
    }

    private static string Hmac(byte[] key, byte[] input)
    {
        byte[] digest = new byte[32];
        Blake2s.Hmac(key, input, digest);
        return Convert.ToHexStringLower(digest);
    }
}
