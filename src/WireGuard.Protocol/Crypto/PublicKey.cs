using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// A peer's identity: an X25519 public key, 32 bytes held inline, so that it can be copied, compared and used as a dictionary's
/// key without allocation. Comparison is not constant time: the key is public.
/// </summary>
public readonly struct PublicKey : IEquatable<PublicKey>
{
    /// <summary>Length in bytes.</summary>
    public const int Size = X25519.KeySize;

    private readonly Inline32 _bytes;

    /// <summary>Copies <paramref name="bytes"/>; any 32 bytes are a public key.</summary>
    /// <param name="bytes">32 bytes.</param>
    /// <exception cref="ArgumentException">Not 32 bytes.</exception>
    public PublicKey(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
        {
            throw new ArgumentException($"A public key is {Size} bytes, not {bytes.Length}.", nameof(bytes));
        }

        bytes.CopyTo(_bytes);
    }

    /// <summary>The 32 bytes, without copying them.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Whether all bytes are zero, as in the default value. No private key has that public key.</summary>
    internal bool IsZero => !Bytes.ContainsAnyExcept((byte)0);

    public static bool operator ==(PublicKey left, PublicKey right) => left.Equals(right);

    public static bool operator !=(PublicKey left, PublicKey right) => !left.Equals(right);

    /// <summary>Reads 64 hexadecimal digits of either case, the control socket's form.</summary>
    internal static bool TryParseHex(ReadOnlySpan<char> hex, out PublicKey key)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (hex.Length != 2 * Size || Convert.FromHexString(hex, bytes, out _, out _) != OperationStatus.Done)
        {
            key = default;
            return false;
        }

        key = new PublicKey(bytes);
        return true;
    }

    /// <summary>Copies the 32 bytes to the start of <paramref name="destination"/>.</summary>
    /// <exception cref="ArgumentException">The destination is shorter.</exception>
    internal void CopyTo(Span<byte> destination) => Bytes.CopyTo(destination);

    /// <summary>64 lower-case hexadecimal digits.</summary>
    internal string ToHex() => Convert.ToHexStringLower(Bytes);

    public bool Equals(PublicKey other) => Bytes.SequenceEqual(other.Bytes);

    public override bool Equals(object? obj) => obj is PublicKey other && Equals(other);

    // HashCode is seeded anew in each process, so that keys cannot be chosen to collide.
    public override int GetHashCode()
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(Bytes);
        return HashCode.Combine(words[0], words[1], words[2], words[3]);
    }

    /// <summary>The first and last four digits of the base64 form, as wireguard-go logs a peer: <c>AbCd…wXyZ</c>.</summary>
    public override string ToString()
    {
        // 32 bytes are 44 digits, the last of them the padding '='.
        string base64 = Convert.ToBase64String(Bytes);
        return string.Concat(base64.AsSpan(0, 4), "…", base64.AsSpan(39, 4));
    }

    [InlineArray(Size)]
    private struct Inline32
    {
        private byte _first;
    }
}
