using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// HChaCha20, the key derivation of XChaCha20, and the one primitive here that is written by hand, for libcrypto has none.
/// Reference: draft-irtf-cfrg-xchacha-03 section 2.2; the rounds are those of RFC 8439 section 2.3. It runs in constant time:
/// additions, exclusive ors and rotations by constants, without a branch or a look-up that depends on the key.
/// </summary>
internal static class HChaCha20
{
    /// <summary>Length in bytes of the input that takes the place of ChaCha20's counter and nonce.</summary>
    internal const int InputSize = 16;

    private const int Words = 16;

    /// <summary>Derives a subkey of 32 bytes from a key of 32 and an input of 16.</summary>
    internal static void Derive(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input, Span<byte> subkey)
    {
        Span<uint> x = stackalloc uint[Words];
        x[0] = 0x61707865; // "expand 32-byte k", little-endian
        x[1] = 0x3320646e;
        x[2] = 0x79622d32;
        x[3] = 0x6b206574;
        for (int i = 0; i < 8; i++) x[4 + i] = BinaryPrimitives.ReadUInt32LittleEndian(key[(4 * i)..]);
        for (int i = 0; i < 4; i++) x[12 + i] = BinaryPrimitives.ReadUInt32LittleEndian(input[(4 * i)..]);

        for (int round = 0; round < 20; round += 2)
        {
            QuarterRound(x, 0, 4, 8, 12);
            QuarterRound(x, 1, 5, 9, 13);
            QuarterRound(x, 2, 6, 10, 14);
            QuarterRound(x, 3, 7, 11, 15);

            QuarterRound(x, 0, 5, 10, 15);
            QuarterRound(x, 1, 6, 11, 12);
            QuarterRound(x, 2, 7, 8, 13);
            QuarterRound(x, 3, 4, 9, 14);
        }

        // ChaCha20 would now add the initial state. Instead the rows leave whose initial value is public.
        for (int i = 0; i < 4; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(subkey[(4 * i)..], x[i]);
            BinaryPrimitives.WriteUInt32LittleEndian(subkey[(16 + (4 * i))..], x[12 + i]);
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(x));
    }

    // RFC 8439 section 2.1
    private static void QuarterRound(Span<uint> x, int a, int b, int c, int d)
    {
        x[a] += x[b];
        x[d] = BitOperations.RotateLeft(x[d] ^ x[a], 16);
        x[c] += x[d];
        x[b] = BitOperations.RotateLeft(x[b] ^ x[c], 12);
        x[a] += x[b];
        x[d] = BitOperations.RotateLeft(x[d] ^ x[a], 8);
        x[c] += x[d];
        x[b] = BitOperations.RotateLeft(x[b] ^ x[c], 7);
    }
}
