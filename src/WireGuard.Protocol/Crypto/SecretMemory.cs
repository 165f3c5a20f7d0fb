namespace WireGuard.Protocol.Crypto;

/// <summary>
/// Where secrets that last longer than a call are kept: in pages of their own, which are never swapped out, dumped or inherited,
/// so that neither the collector nor a stray read or write next to them touches a key. It grows by an arena at a time; one that
/// has become empty is unmapped, but for one to spare. Any thread. <see cref="Secret"/> owns a place in it.
/// </summary>
/// <remarks>
/// What the kernel does not lock (RLIMIT_MEMLOCK, 8 MiB as a rule, or 80,000 peers' keys) is used all the same, and counted.
/// </remarks>
internal static unsafe class SecretMemory
{
    private static readonly Lock Gate = new();
    private static readonly List<SecretArena> Arenas = []; // guarded by the lock
    private static int s_first; // the arenas before it are full; guarded by the lock
    private static long s_size; // written under the lock
    private static long s_unlocked; // written under the lock

    /// <summary>Bytes mapped for secrets, in use or not, without the guard pages.</summary>
    internal static long Size => Volatile.Read(ref s_size);

    /// <summary>Of these, the bytes that the kernel may swap out.</summary>
    internal static long Unlocked => Volatile.Read(ref s_unlocked);

    internal static int UnitsOf(int size) => (size + SecretArena.UnitSize - 1) / SecretArena.UnitSize;

    /// <returns>Zeros.</returns>
    internal static byte* Rent(int units, out SecretArena arena)
    {
        while (true)
        {
            lock (Gate)
            {
                if (TryRent(units, out arena, out byte* bytes))
                    return bytes;
            }

            // Two threads may make one each at the same time: both are used.
            SecretArena another = new();
            Interleaving.Point();
            lock (Gate)
            {
                Arenas.Add(another);
                Count(another, 1);
            }
        }
    }

    /// <summary>Takes a place back; wiped by its owner.</summary>
    internal static void Return(SecretArena arena, byte* bytes, int units)
    {
        lock (Gate)
        {
            arena.Give(bytes, units);
            s_first = Math.Min(s_first, Arenas.IndexOf(arena));
            if (!arena.IsEmpty || !HasAnotherEmpty(arena))
                return;
            Arenas.Remove(arena);
            s_first = 0;
            Count(arena, -1);
        }

        arena.Dispose();
    }

    private static bool TryRent(int units, out SecretArena arena, out byte* bytes)
    {
        while (s_first < Arenas.Count && Arenas[s_first].FreeUnits == 0)
            s_first++;
        for (int i = s_first; i < Arenas.Count; i++)
        {
            bytes = (arena = Arenas[i]).TryTake(units);
            if (bytes != null)
                return true;
        }

        arena = null!;
        bytes = null;
        return false;
    }

    private static bool HasAnotherEmpty(SecretArena arena)
    {
        foreach (SecretArena other in Arenas)
        {
            if (other.IsEmpty && other != arena)
                return true;
        }

        return false;
    }

    private static void Count(SecretArena arena, int sign)
    {
        s_size += sign * arena.Size;
        if (!arena.IsLocked)
            s_unlocked += sign * arena.Size;
    }
}
