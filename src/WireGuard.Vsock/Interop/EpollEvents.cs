using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// An array of struct epoll_event for epoll_wait(2), pinned for its life. The kernel packs that struct on x86-64 alone
/// (include/uapi/linux/eventpoll.h, EPOLL_PACKED): 12 bytes with data at 4 there, 16 bytes with data at 8 elsewhere. So it is
/// read by offset and not declared.
/// </summary>
internal sealed unsafe class EpollEvents
{
    public const int MaxStride = 16;

    private static readonly bool Packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    private readonly byte[] _events;

    public EpollEvents(int capacity)
    {
        Capacity = capacity;
        _events = GC.AllocateArray<byte>(capacity * Stride, pinned: true);
        Pointer = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_events));
    }

    public static int Stride => Packed ? 12 : 16;

    public static int DataOffset => Packed ? 4 : 8;

    public int Capacity { get; }

    /// <summary>The first event; valid as long as this object is.</summary>
    public byte* Pointer { get; }

    /// <summary>EPOLLIN and its like, of the event at <paramref name="index"/>.</summary>
    public uint Events(int index) => Unsafe.ReadUnaligned<uint>(Pointer + index * Stride);

    /// <summary>What was registered with the descriptor of the event at <paramref name="index"/>.</summary>
    public ulong Data(int index) => Unsafe.ReadUnaligned<ulong>(Pointer + index * Stride + DataOffset);

    /// <summary>Writes one event, for epoll_ctl(2).</summary>
    public static void Set(byte* target, uint events, ulong data)
    {
        Unsafe.WriteUnaligned(target, events);
        Unsafe.WriteUnaligned(target + DataOffset, data);
    }
}
