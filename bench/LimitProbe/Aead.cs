using System.Buffers.Binary;
using System.Security.Cryptography;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// Stands in for Aead in the limit probe, a build for bench/run alone: sealing and opening are a copy, and the tag is a constant.
/// What the daemon carries with it is the most it could carry if cryptography cost as much as a memcpy. It protects nothing, and
/// says so when it starts.
/// </summary>
/// <remarks>
/// Each message is copied once in each direction, so that it passes through the processor's caches as it would for a cipher: into
/// the output where that is another place, else into a scratch buffer that is not read.
/// </remarks>
public sealed class Aead : IDisposable
{
    /// <summary>Length in bytes of a key.</summary>
    internal const int KeySize = 32;

    /// <summary>Length in bytes of the tag that ends every ciphertext.</summary>
    internal const int TagSize = 16;

    /// <summary>Length in bytes of a nonce.</summary>
    internal const int NonceSize = 12;

    private static ReadOnlySpan<byte> Tag => "no tag, no secret"u8[..TagSize];

    private readonly byte[] _scratch = GC.AllocateUninitializedArray<byte>(65_536, pinned: true);

    // The protocol does no I/O, but for this line.
#pragma warning disable RS0030
    static Aead() => Console.Error.WriteLine("no encryption: this is the limit probe, not wireguard-vsock");
#pragma warning restore RS0030

    /// <summary>Copies the message and adds the constant tag; the shapes are those of the real one.</summary>
    internal void Seal(
        ReadOnlySpan<byte> key, ulong counter, ReadOnlySpan<byte> aad, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], counter);
        Seal(key, nonce, aad, plaintext, ciphertext);
    }

    /// <summary>Copies the message if the constant tag is there.</summary>
    internal bool TryOpen(
        ReadOnlySpan<byte> key, ulong counter, ReadOnlySpan<byte> aad, ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], counter);
        return TryOpen(key, nonce, aad, ciphertext, plaintext);
    }

    /// <summary>Nothing is held.</summary>
    public void Forget() => _scratch.AsSpan().Clear();

    internal void ForgetShort() => Forget();

    /// <summary>Nothing is held.</summary>
    public void Dispose() => Forget();

    internal void Seal(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> aad,
        ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        if (key.Length != KeySize || nonce.Length != NonceSize || ciphertext.Length - TagSize != plaintext.Length)
        {
            throw new ArgumentException("A length is wrong.");
        }

        Copy(plaintext, ciphertext[..plaintext.Length]);
        Tag.CopyTo(ciphertext[plaintext.Length..]);
    }

    internal bool TryOpen(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> aad,
        ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        if (ciphertext.Length < TagSize || !ciphertext[^TagSize..].SequenceEqual(Tag))
        {
            CryptographicOperations.ZeroMemory(plaintext);
            return false;
        }

        Copy(ciphertext[..^TagSize], plaintext);
        return true;
    }

    private void Copy(ReadOnlySpan<byte> from, Span<byte> to)
    {
        bool inPlace = from.Overlaps(to);
        from.CopyTo(inPlace ? _scratch : to);
    }
}
