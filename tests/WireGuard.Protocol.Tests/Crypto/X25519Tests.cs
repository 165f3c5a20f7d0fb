using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

public sealed class X25519Tests
{
    // RFC 7748 section 5.2, the two vectors of X25519
    [Theory]
    [InlineData(
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")]
    [InlineData(
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")]
    public void Scalar_times_point_is_as_in_rfc_7748(string scalar, string point, string product) =>
        Assert.Equal(product, SharedSecret(scalar, point));

    // RFC 7748 section 5.2: k = X25519(k, u), u = the old k, starting with the base point for both
    [Theory]
    [InlineData(1, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")]
    [InlineData(1000, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")]
    public void Iterated_multiplication_is_as_in_rfc_7748(int times, string result)
    {
        byte[] k = new byte[32];
        k[0] = 9;
        byte[] u = [.. k];
        byte[] product = new byte[32];
        for (int i = 0; i < times; i++)
        {
            Assert.True(X25519.TrySharedSecret(k, u, product));
            (k, u, product) = (product, k, u);
        }

        Assert.Equal(result, Convert.ToHexStringLower(k));
    }

    // RFC 7748 section 6.1
    [Fact]
    public void Diffie_hellman_is_as_in_rfc_7748()
    {
        const string alicePrivate = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        const string alicePublic = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
        const string bobPrivate = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        const string bobPublic = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        const string shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

        Assert.Equal(alicePublic, PublicOf(alicePrivate));
        Assert.Equal(bobPublic, PublicOf(bobPrivate));
        Assert.Equal(shared, SharedSecret(alicePrivate, bobPublic));
        Assert.Equal(shared, SharedSecret(bobPrivate, alicePublic));
    }

    // The points of order 1, 2, 4 and 8 and their non-canonical forms: RFC 7748 section 6.1 asks for the check that shuts them
    // out.
    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("0100000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")]
    [InlineData("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")]
    [InlineData("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    public void Points_of_low_order_share_no_secret(string point)
    {
        byte[] shared = [.. Enumerable.Repeat((byte)0xaa, 32)];
        using var key = PrivateKey.Generate();
        Assert.False(X25519.TrySharedSecret(key.Bytes, Convert.FromHexString(point), shared));
        Assert.Equal(new byte[32], shared);
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        Assert.Throws<ArgumentException>("privateKey", () => X25519.TrySharedSecret(new byte[31], new byte[32], new byte[32]));
        Assert.Throws<ArgumentException>("publicKey", () => X25519.TrySharedSecret(new byte[32], new byte[33], new byte[32]));
        Assert.Throws<ArgumentException>("shared", () => X25519.TrySharedSecret(new byte[32], new byte[32], new byte[31]));
        Assert.Throws<ArgumentException>("privateKey", () => X25519.PublicFromPrivate(new byte[33], new byte[32]));
        Assert.Throws<ArgumentException>("publicKey", () => X25519.PublicFromPrivate(new byte[32], new byte[31]));
    }

    private static string SharedSecret(string privateKey, string publicKey)
    {
        byte[] shared = new byte[32];
        Assert.True(X25519.TrySharedSecret(Convert.FromHexString(privateKey), Convert.FromHexString(publicKey), shared));
        return Convert.ToHexStringLower(shared);
    }

    private static string PublicOf(string privateKey)
    {
        byte[] publicKey = new byte[32];
        X25519.PublicFromPrivate(Convert.FromHexString(privateKey), publicKey);
        return Convert.ToHexStringLower(publicKey);
    }
}
