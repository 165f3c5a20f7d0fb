namespace WireGuard.Nsm;

/// <summary>A part of the guest's memory: its addresses in the guest and in QEMU, and its place in the shared file.</summary>
internal readonly record struct MemoryRegion(ulong GuestAddress, ulong Size, ulong UserAddress, ulong FileOffset);

/// <summary>The guest's memory as QEMU shares it (VHOST_USER_SET_MEM_TABLE). Owned by its connection's thread.</summary>
internal sealed unsafe class GuestMemory : IDisposable
{
    private readonly List<(MemoryRegion Region, nint Mapped)> _regions = [];

    /// <summary>Maps a region. The file descriptor stays the caller's.</summary>
    public void Add(MemoryRegion region, int fd)
    {
        nint mapped = Libc.Map(null, LengthOf(region), Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, fd, 0);
        if (mapped == -1) throw new InvalidDataException($"cannot map {region}");
        _regions.Add((region, mapped));
    }

    /// <summary>Where bytes are that the guest means.</summary>
    public byte* AtGuest(ulong address, ulong length) => At(address, length, static region => region.GuestAddress);

    /// <summary>Where bytes are that QEMU means: it tells the queue's addresses as its own.</summary>
    public byte* AtUser(ulong address, ulong length) => At(address, length, static region => region.UserAddress);

    public void Dispose()
    {
        foreach ((MemoryRegion region, nint mapped) in _regions) _ = Libc.Unmap(mapped, LengthOf(region));
        _regions.Clear();
    }

    private byte* At(ulong address, ulong length, Func<MemoryRegion, ulong> begin)
    {
        foreach ((MemoryRegion region, nint mapped) in _regions)
        {
            ulong offset = unchecked(address - begin(region));
            if (offset < region.Size && length <= region.Size - offset) return (byte*)mapped + region.FileOffset + offset;
        }

        throw new InvalidDataException($"{length} bytes at 0x{address:x} are outside the guest's memory");
    }

    private static nuint LengthOf(MemoryRegion region) => checked((nuint)(region.FileOffset + region.Size));
}
