using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// For which of many parties an initiation is: the one under whose public key its mac1 is right (section 5.4.4). Four keys are
/// tried at a time, each in a lane of a vector, and what depends on the key alone was hashed beforehand, so that hundreds of keys
/// cost about as much as one decryption. Reference: RFC 7693, keyed BLAKE2s with a digest of 16 bytes. Nothing here is secret.
/// Immutable; any thread may search.
/// <code>
/// block 1: key 32, zeros 32 | block 2: message 0..63 | block 3: message 64..115, zeros 12
/// </code>
/// </summary>
internal sealed class Mac1Search
{
    private const int Lanes = 4;
    private const int StateWords = 8;
    private const int BlockSize = 64;
    private const int BlockWords = BlockSize / sizeof(uint);
    private const int Covered = InitiationMessage.Size - (2 * MacKeys.MacSize); // 116 bytes
    private const int MacWords = MacKeys.MacSize / sizeof(uint);

    // RFC 7693 section 2.5: digest of 16 bytes, key of 32, fanout and depth 1.
    private const uint Parameters = 0x0101_2010;

    /// <summary>The hash state of each group of keys when its first block, the key, is done.</summary>
    private readonly Vector128<uint>[] _states;

    private readonly int _count;

    /// <param name="receivers">Found by their place here.</param>
    public Mac1Search(IReadOnlyList<MacKeys> receivers)
    {
        _count = receivers.Count;
        int groups = (_count + Lanes - 1) / Lanes;
        _states = new Vector128<uint>[groups * StateWords];
        Span<Vector128<uint>> block = stackalloc Vector128<uint>[BlockWords];
        for (int group = 0; group < groups; group++)
        {
            block.Clear();
            for (int lane = 0; lane < Lanes && (group * Lanes) + lane < _count; lane++)
            {
                ReadOnlySpan<byte> key = receivers[(group * Lanes) + lane].Mac1Key;
                for (int word = 0; word < Blake2s.HashSize / sizeof(uint); word++)
                    block[word] = block[word].WithElement(lane, BinaryPrimitives.ReadUInt32LittleEndian(key[(4 * word)..]));
            }

            Span<Vector128<uint>> state = _states.AsSpan(group * StateWords, StateWords);
            for (int word = 0; word < StateWords; word++)
                state[word] = Vector128.Create(InitialVector[word]);
            state[0] ^= Vector128.Create(Parameters);
            Compress(state, block, BlockSize, isLast: false);
        }
    }

    // RFC 7693 section 2.6, appendix B
    private static ReadOnlySpan<uint> InitialVector =>
        [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];

    // RFC 7693 section 2.7
    private static ReadOnlySpan<byte> Schedule =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
        11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
        7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
        9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
        2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
        12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
        13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
        6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
        10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
    ];

    /// <summary>The place of the party that an initiation is for; -1 where it is for none.</summary>
    /// <param name="initiation">Whole: <see cref="InitiationMessage.Size"/> bytes.</param>
    public int Find(ReadOnlySpan<byte> initiation)
    {
        Span<Vector128<uint>> blocks = stackalloc Vector128<uint>[2 * BlockWords];
        blocks[(Covered / sizeof(uint))..].Clear();
        for (int word = 0; word < Covered / sizeof(uint); word++)
            blocks[word] = Vector128.Create(BinaryPrimitives.ReadUInt32LittleEndian(initiation[(4 * word)..]));
        Span<Vector128<uint>> mac1 = stackalloc Vector128<uint>[MacWords];
        for (int word = 0; word < MacWords; word++)
            mac1[word] = Vector128.Create(BinaryPrimitives.ReadUInt32LittleEndian(initiation[(Covered + (4 * word))..]));

        Span<Vector128<uint>> state = stackalloc Vector128<uint>[StateWords];
        for (int first = 0; first < _count; first += Lanes)
        {
            _states.AsSpan(first / Lanes * StateWords, StateWords).CopyTo(state);
            Compress(state, blocks[..BlockWords], 2 * BlockSize, isLast: false);
            Compress(state, blocks[BlockWords..], BlockSize + Covered, isLast: true);
            Vector128<uint> difference =
                (state[0] ^ mac1[0]) | (state[1] ^ mac1[1]) | (state[2] ^ mac1[2]) | (state[3] ^ mac1[3]);
            uint equal = Vector128.Equals(difference, Vector128<uint>.Zero).ExtractMostSignificantBits();
            if (equal == 0)
                continue;
            int found = first + int.TrailingZeroCount((int)equal);
            return found < _count ? found : -1; // the last group may have lanes without a key
        }

        return -1;
    }

    /// <summary>RFC 7693 section 3.2, in each lane.</summary>
    private static void Compress(Span<Vector128<uint>> h, ReadOnlySpan<Vector128<uint>> m, uint counter, bool isLast)
    {
        Vector128<uint> v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
        Vector128<uint> v8 = Vector128.Create(InitialVector[0]), v9 = Vector128.Create(InitialVector[1]);
        Vector128<uint> v10 = Vector128.Create(InitialVector[2]), v11 = Vector128.Create(InitialVector[3]);
        Vector128<uint> v12 = Vector128.Create(InitialVector[4] ^ counter), v13 = Vector128.Create(InitialVector[5]);
        Vector128<uint> v14 = Vector128.Create(isLast ? ~InitialVector[6] : InitialVector[6]);
        Vector128<uint> v15 = Vector128.Create(InitialVector[7]);
        for (ReadOnlySpan<byte> s = Schedule; !s.IsEmpty; s = s[BlockWords..])
        {
            Mix(ref v0, ref v4, ref v8, ref v12, m[s[0]], m[s[1]]);
            Mix(ref v1, ref v5, ref v9, ref v13, m[s[2]], m[s[3]]);
            Mix(ref v2, ref v6, ref v10, ref v14, m[s[4]], m[s[5]]);
            Mix(ref v3, ref v7, ref v11, ref v15, m[s[6]], m[s[7]]);

            Mix(ref v0, ref v5, ref v10, ref v15, m[s[8]], m[s[9]]);
            Mix(ref v1, ref v6, ref v11, ref v12, m[s[10]], m[s[11]]);
            Mix(ref v2, ref v7, ref v8, ref v13, m[s[12]], m[s[13]]);
            Mix(ref v3, ref v4, ref v9, ref v14, m[s[14]], m[s[15]]);
        }

        (h[0], h[1], h[2], h[3]) = (h[0] ^ v0 ^ v8, h[1] ^ v1 ^ v9, h[2] ^ v2 ^ v10, h[3] ^ v3 ^ v11);
        (h[4], h[5], h[6], h[7]) = (h[4] ^ v4 ^ v12, h[5] ^ v5 ^ v13, h[6] ^ v6 ^ v14, h[7] ^ v7 ^ v15);
    }

    // RFC 7693 section 3.1
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix(
        ref Vector128<uint> a, ref Vector128<uint> b, ref Vector128<uint> c, ref Vector128<uint> d,
        Vector128<uint> x, Vector128<uint> y)
    {
        a += b + x;
        d = RotateRight(d ^ a, 16);
        c += d;
        b = RotateRight(b ^ c, 12);
        a += b + y;
        d = RotateRight(d ^ a, 8);
        c += d;
        b = RotateRight(b ^ c, 7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> RotateRight(Vector128<uint> value, int count) => (value >>> count) | (value << (32 - count));
}
