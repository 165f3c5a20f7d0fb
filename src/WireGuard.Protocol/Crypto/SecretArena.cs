using System.Diagnostics;
using System.Numerics;
using static WireGuard.Protocol.Crypto.Interop.Libc;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// Whole pages for secrets, between two that nothing may touch:
/// <code>
/// PROT_NONE | units of 32 bytes: locked, not dumped, wiped on fork | PROT_NONE
/// </code>
/// Guarded by <see cref="SecretMemory"/>'s lock, but for making one.
/// </summary>
internal sealed unsafe class SecretArena : IDisposable
{
    internal const int UnitSize = 32;

    /// <summary>The most at once: one word of the map.</summary>
    internal const int MostUnits = 64;

    /// <summary>
    /// The size where pages are not larger: eight of the usual ones. Kernels before 5.16, and many containers, let an
    /// unprivileged process lock 64 KiB.
    /// </summary>
    private const int LeastSize = 32 * 1024;

    private readonly byte* _mapping;
    private readonly byte* _start;
    private readonly int _size = Math.Max(LeastSize, Environment.SystemPageSize);

    // A bit for each unit that is free.
    private readonly ulong[] _map;

    /// <exception cref="InsufficientMemoryException">The kernel gives no more.</exception>
    internal SecretArena()
    {
        nuint page = (nuint)Environment.SystemPageSize;
        nuint length = (nuint)_size + (2 * page);
        _mapping = (byte*)mmap(null, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (_mapping == (byte*)-1)
            throw new InsufficientMemoryException("No memory for keys (mmap).");
        _start = _mapping + page;
        if (mprotect(_start, (nuint)_size, PROT_READ | PROT_WRITE) != 0)
        {
            _ = munmap(_mapping, length);
            throw new InsufficientMemoryException("No memory for keys (mprotect).");
        }

        // Before anything is in it. A kernel that lacks one of these is used without it.
        _ = madvise(_start, (nuint)_size, MADV_DONTDUMP);
        _ = madvise(_start, (nuint)_size, MADV_WIPEONFORK);
        IsLocked = mlock(_start, (nuint)_size) == 0;
        _map = new ulong[_size / UnitSize / MostUnits];
        _map.AsSpan().Fill(ulong.MaxValue);
        FreeUnits = Units;
    }

    internal int Size => _size;

    /// <summary>Whether the kernel keeps it out of swap: RLIMIT_MEMLOCK has allowed it.</summary>
    internal bool IsLocked { get; }

    internal int FreeUnits { get; private set; }

    internal bool IsEmpty => FreeUnits == Units;

    private int Units => _size / UnitSize;

    /// <summary>Takes units that lie together.</summary>
    /// <returns>Zeros; null if it has not as many together.</returns>
    internal byte* TryTake(int units)
    {
        for (int word = 0; FreeUnits >= units && word < _map.Length; word++)
        {
            // Bits at which so many free ones begin.
            ulong begins = _map[word];
            for (int length = 1; length < units && begins != 0; length++)
                begins &= begins >> 1;
            if (begins == 0)
                continue;
            int first = BitOperations.TrailingZeroCount(begins);
            _map[word] &= ~Bits(first, units);
            FreeUnits -= units;
            return _start + ((word * MostUnits) + first) * UnitSize;
        }

        return null;
    }

    /// <summary>Takes back what <see cref="TryTake"/> gave, wiped.</summary>
    internal void Give(byte* bytes, int units)
    {
        int unit = (int)((bytes - _start) / UnitSize);
        ulong bits = Bits(unit % MostUnits, units);
        // To go on would give one place to two keys.
        if ((_map[unit / MostUnits] & bits) != 0)
            Environment.FailFast("A key's memory was given back twice.");
        Debug.Assert(!new Span<byte>(bytes, units * UnitSize).ContainsAnyExcept((byte)0), "not wiped");
        _map[unit / MostUnits] |= bits;
        FreeUnits += units;
    }

    /// <summary>Unmaps it; it must be empty.</summary>
    public void Dispose()
    {
        Debug.Assert(IsEmpty, "a secret is in it");
        _ = munmap(_mapping, (nuint)_size + (2 * (nuint)Environment.SystemPageSize));
    }

    private static ulong Bits(int first, int units) => (ulong.MaxValue >> (MostUnits - units)) << first;
}
