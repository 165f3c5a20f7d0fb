using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using static WireGuard.Protocol.Crypto.Interop.Libcrypto;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// AEAD() of the WireGuard paper, section 5.4: ChaCha20-Poly1305. Reference: RFC 8439 section 2.8. Key 32 bytes, nonce 12 bytes
/// (four zeros, then the counter, little-endian), tag 16 bytes after the ciphertext. No call allocates.
/// </summary>
/// <remarks>
/// An instance serves one thread at a time: give every thread its own. Keys are given with each call, so that keypairs are
/// independent of it, and a context is keyed anew only when the key differs from the one before. Measured (AMD EPYC,
/// OpenSSL 3.0.19, Native AOT, 1,420 bytes, medians of 41 interleaved rounds): seal 0.96 us, open 0.98 us; with another key each
/// time 1.01 and 1.03 us; with one context for each key 0.94 and 0.97 us, too small a gain to tie contexts to keypairs.
/// </remarks>
public sealed unsafe class Aead : IDisposable
{
    /// <summary>Length in bytes of a key.</summary>
    internal const int KeySize = 32;

    /// <summary>Length in bytes of the tag that ends every ciphertext.</summary>
    internal const int TagSize = 16;

    /// <summary>Length in bytes of a nonce.</summary>
    internal const int NonceSize = 12;

    // From this length on libcrypto uses its widest registers.
    private const int WideMessage = 2048;

    // One EVP_CIPHER_CTX for each direction, as a keypair has one key for each.
    private void* _sealing;
    private void* _opening;

    // The key that each context has now. A context is keyed with our copy: the caller's key may be wiped during the call (see
    // Keypair.HasExpired), and a context that has another key than the one noted here would seal under it later.
    private readonly Secret _keys = new(2 * KeySize);
    private readonly byte* _sealingKey;
    private readonly byte* _openingKey;

    /// <exception cref="CryptoLibraryException">libcrypto cannot serve; see <see cref="CryptoLibrary"/>.</exception>
    public Aead()
    {
        Algorithms.Require();
        fixed (byte* keys = _keys.Bytes)
            _sealingKey = keys; // they stay where they are
        _openingKey = _sealingKey + KeySize;
        byte* zero = stackalloc byte[KeySize];
        _sealing = Check(EVP_CIPHER_CTX_new());
        Check(EVP_EncryptInit_ex2(_sealing, Algorithms.ChaCha20Poly1305, zero, null, null));
        _opening = Check(EVP_CIPHER_CTX_new());
        Check(EVP_DecryptInit_ex2(_opening, Algorithms.ChaCha20Poly1305, zero, null, null));
    }

    // The keys are given back by their own.
    ~Aead() => Free();

    /// <summary>Encrypts and authenticates one message.</summary>
    /// <param name="key">32 bytes.</param>
    /// <param name="counter">The nonce; never used twice with one key.</param>
    /// <param name="aad">What is authenticated beside the message; may be empty.</param>
    /// <param name="plaintext">The message; may be empty.</param>
    /// <param name="ciphertext">
    /// Receives plaintext.Length + 16 bytes. Begins where the plaintext begins, or does not overlap it.
    /// </param>
    /// <exception cref="ArgumentException">A length or an overlap is wrong.</exception>
    internal void Seal(
        ReadOnlySpan<byte> key, ulong counter, ReadOnlySpan<byte> aad, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], counter);
        Seal(key, nonce, aad, plaintext, ciphertext);
    }

    /// <summary>Checks and decrypts one message, from the network: any bytes at all.</summary>
    /// <param name="key">32 bytes.</param>
    /// <param name="counter">The nonce.</param>
    /// <param name="aad">What was authenticated beside the message.</param>
    /// <param name="ciphertext">The message with its tag.</param>
    /// <param name="plaintext">
    /// Receives ciphertext.Length - 16 bytes, zeros when the answer is false. Begins where the ciphertext begins, or does not
    /// overlap it.
    /// </param>
    /// <returns>False when the ciphertext is shorter than a tag or its tag does not fit.</returns>
    /// <exception cref="ArgumentException">A length or an overlap is wrong.</exception>
    internal bool TryOpen(
        ReadOnlySpan<byte> key, ulong counter, ReadOnlySpan<byte> aad, ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], counter);
        return TryOpen(key, nonce, aad, ciphertext, plaintext);
    }

    /// <summary>
    /// Overwrites what the calling thread still holds of the last keys and messages: in the contexts, in the processor's
    /// registers, and on the stack below the caller, where calls that have returned leave their frames. Each thread must call it
    /// on its own instance once keys have ended, no deeper in its stack than the calls that used them; otherwise copies of them
    /// stay in memory until others take their place. Takes a few microseconds.
    /// </summary>
    public void Forget()
    {
        OverwriteContexts();
        DeadFrames.Wipe();
    }

    /// <summary>As <see cref="Forget"/>, after messages that were too short for wide registers.</summary>
    internal void ForgetShort() => Overwrite(stackalloc byte[TagSize]);

    /// <summary>Frees the contexts, which libcrypto wipes.</summary>
    public void Dispose()
    {
        Free();
        _keys.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>As the other, with a nonce of any 12 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Seal(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> aad,
        ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        if (key.Length != KeySize || nonce.Length != NonceSize || ciphertext.Length - TagSize != plaintext.Length) ThrowLengths();
        if (plaintext.Overlaps(ciphertext, out int offset) && offset != 0) ThrowOverlap();
        void* context = _sealing;
        if (context == null) ThrowDisposed();
        OSSL_PARAM* parameters = stackalloc OSSL_PARAM[2];
        byte* none = stackalloc byte[TagSize]; // a stream cipher leaves nothing to the end
        int length;
        fixed (byte* nonceBytes = nonce, aadBytes = aad, input = plaintext, output = ciphertext)
        {
            byte* newKey = IsSame(key, _sealingKey) ? null : Copy(key, _sealingKey);
            Require(EVP_EncryptInit_ex2(context, null, newKey, nonceBytes, null));
            if (aad.Length != 0) Require(EVP_EncryptUpdate(context, null, &length, aadBytes, aad.Length));
            if (plaintext.Length != 0) Require(EVP_EncryptUpdate(context, output, &length, input, plaintext.Length));
            Require(EVP_EncryptFinal_ex(context, none, &length));
            byte* tag = output + plaintext.Length;
            parameters[0] = new OSSL_PARAM(OSSL_CIPHER_PARAM_AEAD_TAG, OSSL_PARAM_OCTET_STRING, tag, TagSize);
            Require(EVP_CIPHER_CTX_get_params(context, parameters));
        }

        GC.KeepAlive(this);
    }

    /// <summary>As the other, with a nonce of any 12 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryOpen(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> aad,
        ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        if (ciphertext.Length < TagSize)
        {
            CryptographicOperations.ZeroMemory(plaintext);
            return false;
        }

        if (key.Length != KeySize || nonce.Length != NonceSize || ciphertext.Length - TagSize != plaintext.Length) ThrowLengths();
        if (ciphertext.Overlaps(plaintext, out int offset) && offset != 0) ThrowOverlap();
        void* context = _opening;
        if (context == null) ThrowDisposed();
        OSSL_PARAM* parameters = stackalloc OSSL_PARAM[2];
        byte* none = stackalloc byte[TagSize];
        int length;
        bool authentic;
        fixed (byte* nonceBytes = nonce, aadBytes = aad, input = ciphertext, output = plaintext)
        {
            byte* tag = input + plaintext.Length;
            parameters[0] = new OSSL_PARAM(OSSL_CIPHER_PARAM_AEAD_TAG, OSSL_PARAM_OCTET_STRING, tag, TagSize);
            byte* newKey = IsSame(key, _openingKey) ? null : Copy(key, _openingKey);
            Require(EVP_DecryptInit_ex2(context, null, newKey, nonceBytes, parameters));
            if (aad.Length != 0) Require(EVP_DecryptUpdate(context, null, &length, aadBytes, aad.Length));
            if (plaintext.Length != 0) Require(EVP_DecryptUpdate(context, output, &length, input, plaintext.Length));
            authentic = EVP_DecryptFinal_ex(context, none, &length) == 1;
        }

        GC.KeepAlive(this);
        if (!authentic) CryptographicOperations.ZeroMemory(plaintext);
        return authentic;
    }

    // In a frame of its own below Forget's, so that it is wiped with the others.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void OverwriteContexts()
    {
        ReadOnlySpan<byte> zero = stackalloc byte[KeySize];
        if (!IsSame(zero, _sealingKey) || !IsSame(zero, _openingKey))
            Overwrite(stackalloc byte[WideMessage + TagSize]);
    }

    private void Overwrite(Span<byte> message)
    {
        ReadOnlySpan<byte> zero = stackalloc byte[KeySize];
        Seal(zero, 0, default, message[..^TagSize], message);
        TryOpen(zero, 0, default, message, message[..^TagSize]);
    }

    // In constant time. CryptographicOperations.FixedTimeEquals, which goes byte by byte and is never optimised, takes longer
    // than the keying that this is to save.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSame(ReadOnlySpan<byte> key, byte* other)
    {
        ReadOnlySpan<ulong> a = MemoryMarshal.Cast<byte, ulong>(key);
        ulong* b = (ulong*)other;
        return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == 0;
    }

    private static byte* Copy(ReadOnlySpan<byte> key, byte* to)
    {
        key.CopyTo(new Span<byte>(to, KeySize));
        return to;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Require(int result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result <= 0) ThrowBroken(call);
    }

    // After a failed call it is unknown which key the context has, so it must not seal again.
    [DoesNotReturn]
    private void ThrowBroken(string call)
    {
        Dispose();
        Throw(call);
    }

    [DoesNotReturn]
    private void ThrowDisposed() => throw new ObjectDisposedException(nameof(Aead));

    [DoesNotReturn]
    private static void ThrowLengths() => throw new ArgumentException(
        $"A key is {KeySize} bytes, a nonce {NonceSize}, and a ciphertext {TagSize} bytes longer than its plaintext.");

    [DoesNotReturn]
    private static void ThrowOverlap() => throw new ArgumentException(
        "The output may begin where the input begins, but not overlap it otherwise.");

    private void Free()
    {
        if (_sealing != null) EVP_CIPHER_CTX_free(_sealing);
        if (_opening != null) EVP_CIPHER_CTX_free(_opening);
        _sealing = _opening = null;
    }
}
