using System.Runtime.InteropServices;

namespace WireGuard.Nsm;

/// <summary>
/// A split virtqueue (VIRTIO 1.2, section 2.7) on which the driver makes two buffers available for each request, one to read and
/// one to write; both are returned in this order. Owned by its connection's thread.
/// </summary>
internal sealed unsafe class Virtqueue
{
    private const ushort Next = 1;
    private const ushort Writable = 2;

    private Descriptor* _descriptors;
    private ushort* _available;
    private ushort* _used;

    [StructLayout(LayoutKind.Sequential)]
    private struct Descriptor
    {
        public ulong Address;
        public uint Length;
        public ushort Flags;
        public ushort Following;
    }

    /// <summary>How many descriptors there are: a power of two.</summary>
    public ushort Size { get; set; }

    /// <summary>Index of the next available buffer, counted modulo 65,536.</summary>
    public ushort Position { get; set; }

    public bool IsSet => _descriptors != null;

    public void Set(GuestMemory memory, ulong descriptors, ulong used, ulong available)
    {
        if (Size == 0 || (Size & (Size - 1)) != 0) throw new InvalidDataException($"a queue of {Size} descriptors");
        _descriptors = (Descriptor*)memory.AtUser(descriptors, (ulong)sizeof(Descriptor) * Size);
        _available = (ushort*)memory.AtUser(available, 4u + 2u * Size);
        _used = (ushort*)memory.AtUser(used, 4u + 8u * Size);
    }

    public void Unset() => _descriptors = null;

    /// <summary>Answers what waits. True if anything did.</summary>
    public bool Serve(GuestMemory memory, Func<byte[], byte[]> answer)
    {
        bool served = false;
        while ((ushort)(Volatile.Read(ref _available[1]) - Position) >= 2)
        {
            (ushort requestAt, Descriptor request) = Take();
            (ushort responseAt, Descriptor response) = Take();
            if ((request.Flags & (Next | Writable)) != 0 || (response.Flags & (Next | Writable)) != Writable)
                throw new InvalidDataException("not a buffer to read and one to write");
            byte[] bytes = answer(BytesOf(memory, request).ToArray());
            Span<byte> buffer = BytesOf(memory, response);
            if (bytes.Length > buffer.Length) throw new InvalidDataException($"{bytes.Length} bytes for {buffer.Length}");
            bytes.CopyTo(buffer);
            Return(requestAt, 0);
            Return(responseAt, (uint)bytes.Length);
            served = true;
        }

        return served;
    }

    private static Span<byte> BytesOf(GuestMemory memory, Descriptor descriptor) =>
        new(memory.AtGuest(descriptor.Address, descriptor.Length), checked((int)descriptor.Length));

    private (ushort Index, Descriptor Descriptor) Take()
    {
        ushort index = _available[2 + Position++ % Size];
        return index < Size ? (index, _descriptors[index]) : throw new InvalidDataException($"no descriptor {index}");
    }

    private void Return(ushort index, uint length)
    {
        uint* entry = (uint*)(_used + 2) + 2 * (_used[1] % Size);
        entry[0] = index;
        entry[1] = length;
        Volatile.Write(ref _used[1], (ushort)(_used[1] + 1));
    }
}
