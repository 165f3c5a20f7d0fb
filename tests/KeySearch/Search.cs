using System.Buffers.Binary;
using System.Text;
using WireGuard.Protocol.Crypto;

namespace WireGuard.KeySearch;

/// <summary>
/// Looks for secrets in memory: any aligned 8 bytes of one; any word of one four times in a row, as a cipher lays its key out
/// over wide registers; any eight of its digits, as the control socket spells keys; and for private keys of which only the public
/// half is known, by trying whatever looks random.
/// </summary>
internal static class Search
{
    private const int Overlap = 32;

    public static IEnumerable<string> In(ProcessMemory memory, Notes notes)
    {
        var parts = new Dictionary<ulong, string>();
        foreach ((string name, byte[] bytes) in notes.Secrets)
            AddParts(parts, name, bytes);
        bool[] first = new bool[1 << 16]; // by the lowest 16 bits, as a first sieve
        foreach (ulong part in parts.Keys)
            first[part & 0xffff] = true;

        foreach ((string region, ArraySegment<byte> bytes) in memory.Pieces(Overlap))
        {
            foreach (string found in Parts(bytes, parts, first))
                yield return $"{found} in {region}";
            if (region.StartsWith("rw", StringComparison.Ordinal))
            {
                foreach (string found in PrivateKeys(bytes, notes))
                    yield return $"{found} in {region}";
            }
        }
    }

    private static void AddParts(Dictionary<ulong, string> parts, string name, byte[] bytes)
    {
        for (int i = 0; i + 8 <= bytes.Length; i += 8)
            parts.TryAdd(BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i)), $"{name}[{i}..{i + 8}]");
        byte[] digits = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(bytes));
        for (int i = 0; i + 8 <= digits.Length; i += 8)
            parts.TryAdd(BinaryPrimitives.ReadUInt64LittleEndian(digits.AsSpan(i)), $"{name}, digits {i}");
        for (int i = 0; i + 4 <= bytes.Length; i += 4)
        {
            ulong word = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(i));
            parts.TryAdd((word << 32) | word, $"{name}[{i}..{i + 4}], repeated");
        }
    }

    private static List<string> Parts(ReadOnlySpan<byte> bytes, Dictionary<ulong, string> parts, bool[] first)
    {
        var found = new List<string>();
        for (int i = 0; i + 8 <= bytes.Length; i++)
        {
            ulong word = BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]);
            if (first[word & 0xffff] && parts.TryGetValue(word, out string? name))
                found.Add($"{name} + {i:x}");
        }

        return found;
    }

    private static List<string> PrivateKeys(ReadOnlySpan<byte> bytes, Notes notes)
    {
        var found = new List<string>();
        Span<byte> publicKey = stackalloc byte[X25519.KeySize];
        for (int i = 0; i + X25519.KeySize <= bytes.Length; i += 4)
        {
            ReadOnlySpan<byte> candidate = bytes.Slice(i, X25519.KeySize);
            if (!LooksRandom(candidate))
                continue;
            X25519.PublicFromPrivate(candidate, publicKey);
            foreach ((string name, byte[] known) in notes.PublicKeys)
            {
                if (publicKey.SequenceEqual(known))
                    found.Add($"{name} + {i:x}");
            }
        }

        return found;
    }

    /// <summary>Of 32 random bytes about 30 are different, and fewer than 25 once in ten thousand times.</summary>
    private static bool LooksRandom(ReadOnlySpan<byte> bytes)
    {
        if (BinaryPrimitives.ReadUInt16LittleEndian(bytes) == 0 || bytes[^1] == 0)
            return false;
        UInt128 low = 0, high = 0;
        foreach (byte b in bytes)
        {
            if (b < 128)
                low |= UInt128.One << b;
            else
                high |= UInt128.One << (b - 128);
        }

        return (int)(UInt128.PopCount(low) + UInt128.PopCount(high)) >= 25;
    }
}
