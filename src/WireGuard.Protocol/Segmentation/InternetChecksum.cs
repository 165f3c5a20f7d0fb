using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace WireGuard.Protocol.Segmentation;

/// <summary>
/// The Internet checksum (RFC 1071): the one's complement sum of big-endian 16-bit words. Sums here are folded to 16 bits and
/// not complemented, so that they can be added to.
/// </summary>
/// <remarks>
/// The sum does not care how wide the words are that are added up, nor in which byte order, as long as no carry is lost
/// (sections 2 (B) and (C) of the RFC). So memory is read 16 bytes at a time as two 64-bit words, and two sums are kept: of the
/// words, carries lost, and of their upper halves, which has room for all carries. Both together give the sum of the lower
/// halves: the first less 2^32 times the second. Vectors of 16 bytes are what every machine has that the daemon is built for;
/// in native code for x86-64-v2, wider ones are not even asked for at run time.
/// </remarks>
internal static class InternetChecksum
{
    private const int VectorSize = 16;

    /// <summary>The sum of some bytes, an odd last one followed by a zero, added to a sum of before.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes, ushort initial = 0)
    {
        ref byte start = ref MemoryMarshal.GetReference(bytes);
        nuint length = (uint)bytes.Length;
        nuint done = 0;
        ulong sum = 0;
        if (Vector128.IsHardwareAccelerated && length >= VectorSize)
        {
            Vector128<ulong> words = default, upper = default, otherWords = default, otherUpper = default;
            for (; done + 2 * VectorSize <= length; done += 2 * VectorSize)
            {
                Vector128<ulong> a = Vector128.LoadUnsafe(ref start, done).AsUInt64();
                Vector128<ulong> b = Vector128.LoadUnsafe(ref start, done + VectorSize).AsUInt64();
                words += a;
                upper += a >>> 32;
                otherWords += b;
                otherUpper += b >>> 32;
            }
            if (done + VectorSize <= length)
            {
                Vector128<ulong> a = Vector128.LoadUnsafe(ref start, done).AsUInt64();
                words += a;
                upper += a >>> 32;
                done += VectorSize;
            }
            sum = SumOfHalves(words + otherWords, upper + otherUpper);
        }
        return Finish(sum, bytes[(int)done..], initial);
    }

    /// <summary>Copies the bytes while it sums them. For a packet, one pass costs two thirds of a copy and a sum.</summary>
    /// <param name="destination">As long as the source or longer, and apart from it.</param>
    public static ushort CopyAndSum(ReadOnlySpan<byte> source, Span<byte> destination, ushort initial = 0)
    {
        destination = destination[..source.Length];
        ref byte from = ref MemoryMarshal.GetReference(source);
        ref byte to = ref MemoryMarshal.GetReference(destination);
        nuint length = (uint)source.Length;
        nuint done = 0;
        ulong sum = 0;
        if (Vector128.IsHardwareAccelerated && length >= VectorSize)
        {
            Vector128<ulong> words = default, upper = default, otherWords = default, otherUpper = default;
            for (; done + 2 * VectorSize <= length; done += 2 * VectorSize)
            {
                Vector128<ulong> a = Vector128.LoadUnsafe(ref from, done).AsUInt64();
                Vector128<ulong> b = Vector128.LoadUnsafe(ref from, done + VectorSize).AsUInt64();
                a.AsByte().StoreUnsafe(ref to, done);
                b.AsByte().StoreUnsafe(ref to, done + VectorSize);
                words += a;
                upper += a >>> 32;
                otherWords += b;
                otherUpper += b >>> 32;
            }
            if (done + VectorSize <= length)
            {
                Vector128<ulong> a = Vector128.LoadUnsafe(ref from, done).AsUInt64();
                a.AsByte().StoreUnsafe(ref to, done);
                words += a;
                upper += a >>> 32;
                done += VectorSize;
            }
            sum = SumOfHalves(words + otherWords, upper + otherUpper);
        }
        source = source[(int)done..];
        source.CopyTo(destination[(int)done..]);
        return Finish(sum, source, initial);
    }

    /// <summary>Adds two sums.</summary>
    public static ushort Add(ushort a, ushort b) => Fold((uint)a + b);

    /// <summary>Any number of 16-bit words that were added up, as one sum.</summary>
    internal static ushort Fold(ulong sum)
    {
        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        uint folded = ((uint)sum & 0xFFFF) + ((uint)sum >> 16);
        return (ushort)((folded & 0xFFFF) + (folded >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong SumOfHalves(Vector128<ulong> words, Vector128<ulong> upper)
    {
        ulong upperSum = upper[0] + upper[1];
        return upperSum + (words[0] + words[1] - (upperSum << 32));
    }

    /// <summary>Adds the last bytes, and turns the sum the way the network has it.</summary>
    private static ushort Finish(ulong sum, ReadOnlySpan<byte> rest, ushort initial)
    {
        for (; rest.Length >= sizeof(uint); rest = rest[sizeof(uint)..])
            sum += MemoryMarshal.Read<uint>(rest);
        if (rest.Length >= sizeof(ushort))
        {
            sum += MemoryMarshal.Read<ushort>(rest);
            rest = rest[sizeof(ushort)..];
        }
        if (!rest.IsEmpty)
            sum += BitConverter.IsLittleEndian ? rest[0] : (uint)rest[0] << 8;
        ushort folded = Fold(sum);
        if (BitConverter.IsLittleEndian)
            folded = BinaryPrimitives.ReverseEndianness(folded);
        return Add(folded, initial);
    }
}
