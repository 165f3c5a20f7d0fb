using System.Buffers.Binary;
using System.Numerics;

namespace WireGuard.Protocol.Tests.Crypto;

/// <summary>
/// BLAKE2s as RFC 7693 section 3 tells it, of every digest and key size, slowly: the oracle that libcrypto's is compared with.
/// </summary>
internal static class NaiveBlake2s
{
    private static readonly uint[] Iv =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    // RFC 7693 section 2.7
    private static readonly byte[][] Sigma =
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ];

    internal static byte[] Hash(byte[] input, int digestSize, byte[]? key = null)
    {
        key ??= [];
        // A key goes first, in a block of its own. The last block is never empty, but for that of no input at all.
        byte[] data = key.Length == 0 ? input : [.. key, .. new byte[64 - key.Length], .. input];
        uint[] h = [.. Iv];
        h[0] ^= 0x01010000u ^ ((uint)key.Length << 8) ^ (uint)digestSize;
        int offset = 0;
        for (; data.Length - offset > 64; offset += 64) Compress(h, data.AsSpan(offset, 64), (ulong)offset + 64, last: false);
        byte[] block = [.. data[offset..], .. new byte[64 - (data.Length - offset)]];
        Compress(h, block, (ulong)data.Length, last: true);
        byte[] digest = new byte[32];
        for (int i = 0; i < 8; i++) BinaryPrimitives.WriteUInt32LittleEndian(digest.AsSpan(4 * i), h[i]);
        return digest[..digestSize];
    }

    // RFC 2104
    internal static byte[] Hmac(byte[] key, byte[] input)
    {
        if (key.Length > 64) key = Hash(key, 32);
        byte[] padded = [.. key, .. new byte[64 - key.Length]];
        byte[] inner = Hash([.. padded.Select(b => (byte)(b ^ 0x36)), .. input], 32);
        return Hash([.. padded.Select(b => (byte)(b ^ 0x5c)), .. inner], 32);
    }

    private static void Compress(uint[] h, ReadOnlySpan<byte> block, ulong count, bool last)
    {
        uint[] v = [.. h, .. Iv];
        v[12] ^= (uint)count;
        v[13] ^= (uint)(count >> 32);
        if (last) v[14] = ~v[14];
        uint[] m = new uint[16];
        for (int i = 0; i < 16; i++) m[i] = BinaryPrimitives.ReadUInt32LittleEndian(block[(4 * i)..]);
        foreach (byte[] s in Sigma)
        {
            for (int i = 0; i < 4; i++) Mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[(2 * i) + 1]]);
            for (int i = 0; i < 4; i++)
                Mix(v, i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4), m[s[8 + (2 * i)]], m[s[9 + (2 * i)]]);
        }

        for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[8 + i];
    }

    private static void Mix(uint[] v, int a, int b, int c, int d, uint x, uint y)
    {
        v[a] += v[b] + x;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 12);
        v[a] += v[b] + y;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 8);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 7);
    }
}
