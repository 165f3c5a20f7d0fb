using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

/// <summary>Project Wycheproof's vectors: the edge cases that implementations are known to have got wrong.</summary>
public sealed class WycheproofTests
{
    private delegate void SealFunction(byte[] key, byte[] nonce, byte[] aad, byte[] plaintext, byte[] ciphertext);

    private delegate bool OpenFunction(byte[] key, byte[] nonce, byte[] aad, byte[] ciphertext, byte[] plaintext);

    // "acceptable" vectors have points on the twist, of low order or not in canonical form. RFC 7748 takes them all; what it
    // shuts out, and WireGuard with it, is a shared secret of zeros, and those are marked.
    [Fact]
    public void X25519_passes()
    {
        string[][] cases = VectorTable.Read("wycheproof_x25519", fields: 5);
        Assert.Equal(518, cases.Length);
        Assert.Equal(31, cases.Count(fields => fields[4] == "zero"));
        AssertAll(cases, fields =>
        {
            byte[] shared = new byte[32];
            bool answer = X25519.TrySharedSecret(VectorTable.Bytes(fields[1]), VectorTable.Bytes(fields[2]), shared);
            return answer == (fields[4] == "agrees") && Convert.ToHexStringLower(shared) == fields[3];
        });
    }

    [Fact]
    public void Chacha20_poly1305_passes()
    {
        using var aead = new Aead();
        RunAead(
            "wycheproof_chacha20_poly1305",
            count: 325,
            nonceSize: 12,
            (key, nonce, aad, plaintext, ciphertext) => aead.Seal(key, nonce, aad, plaintext, ciphertext),
            (key, nonce, aad, ciphertext, plaintext) => aead.TryOpen(key, nonce, aad, ciphertext, plaintext));
    }

    [Fact]
    public void Xchacha20_poly1305_passes() => RunAead(
        "wycheproof_xchacha20_poly1305",
        count: 315,
        nonceSize: 24,
        (key, nonce, aad, plaintext, ciphertext) => XChaCha20Poly1305.Seal(key, nonce, aad, plaintext, ciphertext),
        (key, nonce, aad, ciphertext, plaintext) => XChaCha20Poly1305.TryOpen(key, nonce, aad, ciphertext, plaintext));

    private static void RunAead(string table, int count, int nonceSize, SealFunction seal, OpenFunction open)
    {
        string[][] cases = VectorTable.Read(table, fields: 8);
        Assert.Equal(count, cases.Length);
        Assert.Equal(69, cases.Count(fields => fields[1] == "invalid"));
        AssertAll(cases, fields => Passes(fields, nonceSize, seal, open));
    }

    private static bool Passes(string[] fields, int nonceSize, SealFunction seal, OpenFunction open)
    {
        byte[] key = VectorTable.Bytes(fields[2]), nonce = VectorTable.Bytes(fields[3]), aad = VectorTable.Bytes(fields[4]);
        byte[] plaintext = VectorTable.Bytes(fields[5]);
        byte[] ciphertext = [.. VectorTable.Bytes(fields[6]), .. VectorTable.Bytes(fields[7])];
        byte[] sealedText = new byte[plaintext.Length + 16], opened = new byte[plaintext.Length];
        bool isValid = fields[1] == "valid";
        if (nonce.Length != nonceSize)
        {
            // A nonce of another size is the caller's mistake.
            Assert.Throws<ArgumentException>(() => seal(key, nonce, aad, plaintext, sealedText));
            Assert.Throws<ArgumentException>(() => open(key, nonce, aad, new byte[16], []));
            return !isValid;
        }

        seal(key, nonce, aad, plaintext, sealedText);
        bool isOpened = open(key, nonce, aad, ciphertext, opened);
        bool agrees = sealedText.AsSpan(0, plaintext.Length).SequenceEqual(ciphertext.AsSpan(0, plaintext.Length));
        bool sameTag = sealedText.AsSpan(plaintext.Length).SequenceEqual(ciphertext.AsSpan(plaintext.Length));
        // What is invalid here is the tag, and nothing else.
        return agrees && sameTag == isValid && isOpened == isValid
            && opened.AsSpan().SequenceEqual(isValid ? plaintext : new byte[plaintext.Length]);
    }

    /// <summary>The numbers of all cases that fail are told, and each number is there once.</summary>
    private static void AssertAll(string[][] cases, Func<string[], bool> passes)
    {
        Assert.Equal(Enumerable.Range(1, cases.Length).Select(number => $"{number}"), cases.Select(fields => fields[0]));
        Assert.Empty(cases.Where(fields => !passes(fields)).Select(fields => fields[0]));
    }
}
