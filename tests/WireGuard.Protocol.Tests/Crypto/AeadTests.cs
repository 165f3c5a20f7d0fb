using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

public sealed class AeadTests : IDisposable
{
    // RFC 8439 section 2.8.2
    private const string SunscreenKey = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
    private const string SunscreenNonce = "070000004041424344454647";
    private const string SunscreenAad = "50515253c0c1c2c3c4c5c6c7";
    private const string SunscreenPlaintext =
        "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666" +
        "657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e";
    private const string SunscreenCiphertext =
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b29" +
        "05d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116" +
        "1ae10b594f09e26a7e902ecbd0600691";

    // RFC 8439 appendix A.5
    private const string DraftsKey = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
    private const string DraftsNonce = "000000000102030405060708";
    private const string DraftsAad = "f33388860000000000004e91";
    private const string DraftsPlaintext =
        "496e7465726e65742d4472616674732061726520647261667420646f63756d656e74732076616c696420666f722061206d6178696d756d206f6620" +
        "736978206d6f6e74687320616e64206d617920626520757064617465642c207265706c616365642c206f72206f62736f6c65746564206279206f74" +
        "68657220646f63756d656e747320617420616e792074696d652e20497420697320696e617070726f70726961746520746f2075736520496e746572" +
        "6e65742d447261667473206173207265666572656e6365206d6174657269616c206f7220746f2063697465207468656d206f74686572207468616e" +
        "206173202fe2809c776f726b20696e2070726f67726573732e2fe2809d";
    private const string DraftsCiphertext =
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b" +
        "7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c" +
        "02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d" +
        "072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff" +
        "77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38";

    private readonly Aead _aead = new();

    public void Dispose() => _aead.Dispose();

    [Theory]
    [InlineData(SunscreenKey, SunscreenNonce, SunscreenAad, SunscreenPlaintext, SunscreenCiphertext)]
    [InlineData(DraftsKey, DraftsNonce, DraftsAad, DraftsPlaintext, DraftsCiphertext)]
    public void Sealing_and_opening_are_as_in_rfc_8439(string key, string nonce, string aad, string plaintext, string ciphertext)
    {
        byte[] k = Convert.FromHexString(key), n = Convert.FromHexString(nonce), a = Convert.FromHexString(aad);
        byte[] p = Convert.FromHexString(plaintext), c = Convert.FromHexString(ciphertext);
        byte[] result = new byte[c.Length];
        _aead.Seal(k, n, a, p, result);
        Assert.Equal(ciphertext, Convert.ToHexStringLower(result));
        result = new byte[p.Length];
        Assert.True(_aead.TryOpen(k, n, a, c, result));
        Assert.Equal(plaintext, Convert.ToHexStringLower(result));
    }

    // The nonce of RFC 8439 appendix A.5 is four zeros and 01 02 … 08, which is this counter in little-endian.
    [Fact]
    public void Counter_is_the_nonce_in_little_endian_after_four_zeros()
    {
        byte[] key = Convert.FromHexString(DraftsKey), aad = Convert.FromHexString(DraftsAad);
        byte[] buffer = [.. Convert.FromHexString(DraftsPlaintext), .. new byte[16]];
        _aead.Seal(key, 0x0807060504030201, aad, buffer.AsSpan(0, buffer.Length - 16), buffer);
        Assert.Equal(DraftsCiphertext, Convert.ToHexStringLower(buffer));
        Assert.True(_aead.TryOpen(key, 0x0807060504030201, aad, buffer, buffer.AsSpan(0, buffer.Length - 16)));
        Assert.Equal(DraftsPlaintext, Convert.ToHexStringLower(buffer.AsSpan(0, buffer.Length - 16)));
    }

    [Fact]
    public void Any_flipped_bit_is_rejected_and_leaves_zeros()
    {
        byte[] key = Convert.FromHexString(DraftsKey), aad = [1, 2, 3], plaintext = [9, 8, 7, 6, 5];
        byte[] ciphertext = new byte[plaintext.Length + 16];
        _aead.Seal(key, 1, aad, plaintext, ciphertext);

        foreach (byte[] input in (byte[][])[key, aad, ciphertext])
        {
            for (int bit = 0; bit < 8 * input.Length; bit++)
            {
                input[bit / 8] ^= (byte)(1 << (bit % 8));
                byte[] opened = [.. plaintext];
                Assert.False(_aead.TryOpen(key, 1, aad, ciphertext, opened));
                Assert.Equal(new byte[5], opened);
                input[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        }

        for (int bit = 0; bit < 64; bit++) Assert.False(_aead.TryOpen(key, 1 ^ (1UL << bit), aad, ciphertext, new byte[5]));
        Assert.True(_aead.TryOpen(key, 1, aad, ciphertext, new byte[5]));
    }

    [Fact]
    public void Failed_opening_in_place_leaves_zeros_and_the_tag()
    {
        byte[] key = new byte[32], message = new byte[100 + 16];
        _aead.Seal(key, 7, default, message.AsSpan(0, 100), message);
        byte[] tag = message[100..];
        Assert.False(_aead.TryOpen(key, 8, default, message, message.AsSpan(0, 100)));
        Assert.Equal(new byte[100], message.AsSpan(0, 100));
        Assert.Equal(tag, message.AsSpan(100));
    }

    [Fact]
    public void Every_length_round_trips_in_place_and_apart()
    {
        byte[] key = Convert.FromHexString(SunscreenKey);
        var random = new Random(8439);
        foreach (int length in Enumerable.Range(0, 300).Concat([1420, 1436, 9000, 65504]))
        {
            byte[] plaintext = new byte[length], ciphertext = new byte[length + 16], opened = new byte[length];
            random.NextBytes(plaintext);
            byte[] inPlace = [.. plaintext, .. new byte[16]];
            _aead.Seal(key, (ulong)length, default, plaintext, ciphertext);
            _aead.Seal(key, (ulong)length, default, inPlace.AsSpan(0, length), inPlace);
            Assert.Equal(ciphertext, inPlace);
            Assert.True(_aead.TryOpen(key, (ulong)length, default, ciphertext, opened));
            Assert.True(_aead.TryOpen(key, (ulong)length, default, inPlace, inPlace.AsSpan(0, length)));
            Assert.Equal(plaintext, opened);
            Assert.Equal(plaintext, inPlace.AsSpan(0, length));
        }
    }

    // The context stays keyed from one call to the next: a key must never be used for a call that brought another.
    [Fact]
    public void Keys_that_take_turns_are_not_mixed_up()
    {
        var random = new Random(42);
        byte[][] keys = [.. Enumerable.Range(0, 4).Select(_ => new byte[32])];
        foreach (byte[] key in keys[1..]) random.NextBytes(key);
        keys[3] = [.. keys[2]];
        keys[3][31] ^= 0x80;
        byte[] message = new byte[64], ciphertext = new byte[80], expected = new byte[80];
        for (ulong i = 0; i < 2000; i++)
        {
            byte[] key = keys[random.Next(4)];
            if (random.Next(50) == 0) _aead.Forget();
            _aead.Seal(key, i, default, message, ciphertext);
            using (var fresh = new Aead()) fresh.Seal(key, i, default, message, expected);
            Assert.Equal(expected, ciphertext);
            byte[] openingKey = keys[random.Next(4)];
            Assert.Equal(openingKey == key, _aead.TryOpen(openingKey, i, default, ciphertext, message));
            Array.Clear(message);
        }
    }

    [Fact]
    public void What_is_shorter_than_a_tag_is_rejected()
    {
        for (int length = 0; length < 16; length++)
            Assert.False(_aead.TryOpen(new byte[32], 0, default, new byte[length], default));
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        byte[] key = new byte[32], text = new byte[20];
        foreach (int length in (int[])[0, 19, 20, 35, 37])
            Assert.Throws<ArgumentException>(() => _aead.Seal(key, 0, default, text, new byte[length]));
        foreach (int length in (int[])[0, 3, 5, 20])
            Assert.Throws<ArgumentException>(() => _aead.TryOpen(key, 0, default, text, new byte[length]));
        foreach (int length in (int[])[0, 31, 33])
        {
            Assert.Throws<ArgumentException>(() => _aead.Seal(new byte[length], 0, default, text, new byte[36]));
            Assert.Throws<ArgumentException>(() => _aead.TryOpen(new byte[length], 0, default, text, new byte[4]));
        }
    }

    [Fact]
    public void Overlap_other_than_in_place_is_refused()
    {
        byte[] key = new byte[32], buffer = new byte[100];
        Assert.Throws<ArgumentException>(() => _aead.Seal(key, 0, default, buffer.AsSpan(1, 20), buffer.AsSpan(0, 36)));
        Assert.Throws<ArgumentException>(() => _aead.Seal(key, 0, default, buffer.AsSpan(0, 20), buffer.AsSpan(1, 36)));
        Assert.Throws<ArgumentException>(() => _aead.TryOpen(key, 0, default, buffer.AsSpan(0, 36), buffer.AsSpan(16, 20)));
        _aead.Seal(key, 0, default, buffer.AsSpan(0, 20), buffer.AsSpan(20, 36));
    }

    [Fact]
    public void Disposed_instance_refuses_to_serve()
    {
        var aead = new Aead();
        aead.Dispose();
        aead.Dispose();
        Assert.Throws<ObjectDisposedException>(() => aead.Seal(new byte[32], 0, default, default, new byte[16]));
        Assert.Throws<ObjectDisposedException>(() => aead.TryOpen(new byte[32], 0, default, new byte[16], default));
    }
}
