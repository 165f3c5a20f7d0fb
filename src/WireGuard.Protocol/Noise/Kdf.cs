using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The key derivation KDF_n of the WireGuard paper (section 5.4): HKDF with HMAC-BLAKE2s, with the chaining key as salt
/// and no info. An output is 32 bytes; each may overlap the chaining key, which is read first.
/// </summary>
internal static class Kdf
{
    public static void Derive1(ReadOnlySpan<byte> chainingKey, ReadOnlySpan<byte> input, Span<byte> first) =>
        Derive(chainingKey, input, first, default, default);

    public static void Derive2(ReadOnlySpan<byte> chainingKey, ReadOnlySpan<byte> input, Span<byte> first, Span<byte> second) =>
        Derive(chainingKey, input, first, second, default);

    public static void Derive3(
        ReadOnlySpan<byte> chainingKey, ReadOnlySpan<byte> input, Span<byte> first, Span<byte> second, Span<byte> third) =>
        Derive(chainingKey, input, first, second, third);

    private static void Derive(
        ReadOnlySpan<byte> chainingKey, ReadOnlySpan<byte> input, Span<byte> first, Span<byte> second, Span<byte> third)
    {
        Span<byte> pseudorandomKey = stackalloc byte[Blake2s.HashSize];
        // T(n) = HMAC(prk, T(n-1) || n)
        Span<byte> block = stackalloc byte[Blake2s.HashSize + 1];
        Span<byte> previous = block[..Blake2s.HashSize];

        Blake2s.Hmac(chainingKey, input, pseudorandomKey);
        block[0] = 1;
        Blake2s.Hmac(pseudorandomKey, block[..1], first);
        if (!second.IsEmpty)
        {
            first.CopyTo(previous);
            block[^1] = 2;
            Blake2s.Hmac(pseudorandomKey, block, second);
        }

        if (!third.IsEmpty)
        {
            second.CopyTo(previous);
            block[^1] = 3;
            Blake2s.Hmac(pseudorandomKey, block, third);
        }

        CryptographicOperations.ZeroMemory(pseudorandomKey);
        CryptographicOperations.ZeroMemory(block);
    }
}
