using System.Text.Json;
using WireGuard.Protocol.Crypto;
using Xunit.Abstractions;

namespace WireGuard.Protocol.Tests.Crypto;

/// <summary>Project Wycheproof's vectors: the edge cases that implementations are known to have got wrong.</summary>
public sealed class WycheproofTests(ITestOutputHelper output)
{
    private const string X25519File = "wycheproof_x25519_test.json";
    private const string AeadFile = "wycheproof_chacha20_poly1305_test.json";
    private const string XAeadFile = "wycheproof_xchacha20_poly1305_test.json";

    private delegate void SealFunction(byte[] key, byte[] nonce, byte[] aad, byte[] plaintext, byte[] ciphertext);

    private delegate bool OpenFunction(byte[] key, byte[] nonce, byte[] aad, byte[] ciphertext, byte[] plaintext);

    // "acceptable" vectors have points on the twist, of low order or not in canonical form. RFC 7748 takes them all; what it
    // shuts out, and WireGuard with it, is a shared secret of zeros, and those are flagged.
    [SharedVectorsFact(X25519File)]
    public void X25519_passes()
    {
        int zeros = 0;
        RunAll(X25519File, (_, test) =>
        {
            string expected = test.GetProperty("shared").GetString()!;
            bool isZero = Flags(test).Contains("ZeroSharedSecret");
            zeros += isZero ? 1 : 0;
            byte[] shared = new byte[32];
            bool answer = X25519.TrySharedSecret(Bytes(test, "private"), Bytes(test, "public"), shared);
            return answer == !isZero && Convert.ToHexStringLower(shared) == expected;
        });
        Assert.NotEqual(0, zeros);
    }

    [SharedVectorsFact(AeadFile)]
    public void Chacha20_poly1305_passes()
    {
        using var aead = new Aead();
        RunAead(
            AeadFile,
            96,
            (key, nonce, aad, plaintext, ciphertext) => aead.Seal(key, nonce, aad, plaintext, ciphertext),
            (key, nonce, aad, ciphertext, plaintext) => aead.TryOpen(key, nonce, aad, ciphertext, plaintext));
    }

    [SharedVectorsFact(XAeadFile)]
    public void Xchacha20_poly1305_passes() => RunAead(
        XAeadFile,
        192,
        (key, nonce, aad, plaintext, ciphertext) => XChaCha20Poly1305.Seal(key, nonce, aad, plaintext, ciphertext),
        (key, nonce, aad, ciphertext, plaintext) => XChaCha20Poly1305.TryOpen(key, nonce, aad, ciphertext, plaintext));

    private void RunAead(string file, int nonceBits, SealFunction seal, OpenFunction open) => RunAll(file, (group, test) =>
    {
        byte[] key = Bytes(test, "key"), nonce = Bytes(test, "iv"), aad = Bytes(test, "aad"), plaintext = Bytes(test, "msg");
        byte[] ciphertext = [.. Bytes(test, "ct"), .. Bytes(test, "tag")];
        byte[] sealedText = new byte[plaintext.Length + 16], opened = new byte[plaintext.Length];
        bool isValid = test.GetProperty("result").GetString() == "valid";
        if (group.GetProperty("ivSize").GetInt32() != nonceBits)
        {
            // A nonce of another size is the caller's mistake.
            Assert.Throws<ArgumentException>(() => seal(key, nonce, aad, plaintext, sealedText));
            Assert.Throws<ArgumentException>(() => open(key, nonce, aad, new byte[16], []));
            return !isValid;
        }

        seal(key, nonce, aad, plaintext, sealedText);
        bool isOpened = open(key, nonce, aad, ciphertext, opened);
        return isValid
            ? isOpened && opened.AsSpan().SequenceEqual(plaintext) && sealedText.AsSpan().SequenceEqual(ciphertext)
            : !isOpened && !opened.AsSpan().ContainsAnyExcept((byte)0) && !sealedText.AsSpan().SequenceEqual(ciphertext);
    });

    private void RunAll(string file, Func<JsonElement, JsonElement, bool> passes)
    {
        using JsonDocument document = SharedVectors.Read(file);
        int count = 0;
        var failed = new List<int>();
        foreach (JsonElement group in document.RootElement.GetProperty("testGroups").EnumerateArray())
        {
            foreach (JsonElement test in group.GetProperty("tests").EnumerateArray())
            {
                count++;
                if (!passes(group, test)) failed.Add(test.GetProperty("tcId").GetInt32());
            }
        }

        output.WriteLine($"{file}: {count} vectors, {failed.Count} failed");
        Assert.Empty(failed);
        Assert.Equal(document.RootElement.GetProperty("numberOfTests").GetInt32(), count);
    }

    private static byte[] Bytes(JsonElement test, string property) =>
        Convert.FromHexString(test.GetProperty(property).GetString()!);

    private static IEnumerable<string?> Flags(JsonElement test) =>
        test.GetProperty("flags").EnumerateArray().Select(flag => flag.GetString());
}
