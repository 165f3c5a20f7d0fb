using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The chaining key and the transcript hash of a handshake in progress (the Noise specification's SymmetricState,
/// the WireGuard paper's C and H). A value type, so that a handshake works on a copy and commits it last.
/// </summary>
internal struct SymmetricState
{
    /// <summary>CONSTRUCTION, section 5.4: the Noise protocol's name.</summary>
    private static ReadOnlySpan<byte> Construction => "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"u8;

    /// <summary>IDENTIFIER, section 5.4: the prologue.</summary>
    public static ReadOnlySpan<byte> Identifier => "WireGuard v1 zx2c4 Jason@zx2c4.com"u8;

    /// <summary>Bytes of the whole, wherever it is kept.</summary>
    public const int Size = 2 * Blake2s.HashSize;

    private Bytes32 _chainingKey;
    private Bytes32 _hash;

    [UnscopedRef]
    public Span<byte> ChainingKey => _chainingKey;

    [UnscopedRef]
    public Span<byte> Hash => _hash;

    /// <summary>C = HASH(CONSTRUCTION); H = HASH(HASH(C || prologue) || responder's static key).</summary>
    public static SymmetricState Create(ReadOnlySpan<byte> prologue, ReadOnlySpan<byte> responderStatic)
    {
        var state = new SymmetricState();
        Blake2s.Hash(Construction, default, state.ChainingKey);
        state.ChainingKey.CopyTo(state.Hash);
        state.MixHash(prologue);
        state.MixHash(responderStatic);
        return state;
    }

    public void MixHash(ReadOnlySpan<byte> data)
    {
        Span<byte> next = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(Hash, data, next);
        next.CopyTo(Hash);
    }

    /// <summary>C = KDF1(C, input).</summary>
    public void MixKey(ReadOnlySpan<byte> input) => Kdf.Derive1(ChainingKey, input, ChainingKey);

    /// <summary>(C, key) = KDF2(C, input).</summary>
    public void MixKey(ReadOnlySpan<byte> input, Span<byte> key)
    {
        Span<byte> next = stackalloc byte[Blake2s.HashSize];
        Kdf.Derive2(ChainingKey, input, next, key);
        next.CopyTo(ChainingKey);
        CryptographicOperations.ZeroMemory(next);
    }

    /// <summary>(C, temp, key) = KDF3(C, psk); H = HASH(H || temp).</summary>
    public void MixKeyAndHash(ReadOnlySpan<byte> presharedKey, Span<byte> key)
    {
        Span<byte> next = stackalloc byte[Blake2s.HashSize];
        Span<byte> temp = stackalloc byte[Blake2s.HashSize];
        Kdf.Derive3(ChainingKey, presharedKey, next, temp, key);
        next.CopyTo(ChainingKey);
        MixHash(temp);
        CryptographicOperations.ZeroMemory(next);
        CryptographicOperations.ZeroMemory(temp);
    }

    /// <summary>AEAD(key, 0, plaintext, H), then H = HASH(H || ciphertext). The ciphertext is 16 bytes longer.</summary>
    public void EncryptAndHash(Aead aead, ReadOnlySpan<byte> key, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        aead.Seal(key, 0, Hash, plaintext, ciphertext);
        MixHash(ciphertext);
    }

    /// <summary>
    /// The inverse of <see cref="EncryptAndHash"/>; false when the tag is wrong, the state is then of no more use.
    /// </summary>
    public bool TryDecryptAndHash(Aead aead, ReadOnlySpan<byte> key, ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        if (!aead.TryOpen(key, 0, Hash, ciphertext, plaintext))
            return false;
        MixHash(ciphertext);
        return true;
    }

    /// <summary>The transport keys (section 5.4.5): the initiator sends with the first, the responder with the second.</summary>
    public void Split(Span<byte> initiatorToResponder, Span<byte> responderToInitiator) =>
        Kdf.Derive2(ChainingKey, default, initiatorToResponder, responderToInitiator);

    public void Wipe()
    {
        CryptographicOperations.ZeroMemory(ChainingKey);
        CryptographicOperations.ZeroMemory(Hash);
    }

    [InlineArray(Blake2s.HashSize)]
    private struct Bytes32
    {
        private byte _first;
    }
}
