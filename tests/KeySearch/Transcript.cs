using WireGuard.Protocol.Crypto;

namespace WireGuard.KeySearch;

/// <summary>A handshake's chaining key and hash (section 5.4 of the paper), with every secret on the way noted.</summary>
internal sealed class Transcript
{
    private const int Size = Blake2s.HashSize;

    private readonly string _name;
    private readonly Notes _notes;
    private readonly byte[] _chainingKey = new byte[Size];
    private readonly byte[] _hash = new byte[Size];

    public Transcript(string name, ReadOnlySpan<byte> responder, Notes notes)
    {
        _name = name;
        _notes = notes;
        Blake2s.Hash("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"u8, default, _chainingKey);
        _chainingKey.CopyTo(_hash, 0);
        MixHash("WireGuard v1 zx2c4 Jason@zx2c4.com"u8);
        MixHash(responder);
    }

    public void MixHash(ReadOnlySpan<byte> data) => Blake2s.Hash((byte[])_hash.Clone(), data, _hash);

    /// <summary>The first ephemeral key, into a chaining key that anybody knows: nothing of that is secret.</summary>
    public void MixPublic(ReadOnlySpan<byte> ephemeral)
    {
        byte[] pseudorandomKey = new byte[Size];
        Blake2s.Hmac(_chainingKey, ephemeral, pseudorandomKey);
        Blake2s.Hmac(pseudorandomKey, [1], _chainingKey);
    }

    /// <summary>KDF_n: the chaining key, and what else there is of it.</summary>
    public byte[][] Mix(string token, ReadOnlySpan<byte> input, int outputs)
    {
        byte[][] derived = Derive($"{_name}-{token}", input, outputs);
        derived[0].CopyTo(_chainingKey, 0);
        return derived[1..];
    }

    /// <summary>The keys that the initiator and the responder send with.</summary>
    public (byte[] Initiator, byte[] Responder) Split()
    {
        byte[][] keys = Derive($"{_name}-transport", default, 2);
        return (keys[0], keys[1]);
    }

    public void Seal(byte[] key, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        using var aead = new Aead();
        aead.Seal(key, 0, _hash, plaintext, ciphertext);
        MixHash(ciphertext);
    }

    public byte[] Open(byte[] key, ReadOnlySpan<byte> ciphertext)
    {
        using var aead = new Aead();
        byte[] plaintext = new byte[ciphertext.Length - Aead.TagSize];
        if (!aead.TryOpen(key, 0, _hash, ciphertext, plaintext))
            throw new InvalidDataException("The daemon's message is not authentic.");
        MixHash(ciphertext);
        return plaintext;
    }

    private byte[][] Derive(string name, ReadOnlySpan<byte> input, int outputs)
    {
        byte[] pseudorandomKey = new byte[Size];
        Blake2s.Hmac(_chainingKey, input, pseudorandomKey);
        _notes.Secret($"{name}-prk", pseudorandomKey);
        byte[][] derived = new byte[outputs][];
        byte[] previous = [];
        for (int i = 0; i < outputs; i++)
        {
            derived[i] = new byte[Size];
            Blake2s.Hmac(pseudorandomKey, [.. previous, (byte)(i + 1)], derived[i]);
            _notes.Secret($"{name}-{i + 1}", derived[i]);
            previous = derived[i];
        }

        return derived;
    }
}
