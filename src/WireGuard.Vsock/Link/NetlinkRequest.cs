using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// Writes a request into a buffer of the caller's:
/// <code>nlmsghdr (16) | fixed part | attributes: rtattr (4) | value | padding to 4</code>
/// </summary>
internal ref struct NetlinkRequest
{
    /// <summary>Enough for each request that is made here.</summary>
    public const int MaxSize = 256;

    private const int HeadSize = 4;

    private readonly Span<byte> _buffer;
    private int _length;

    /// <param name="buffer">At least <see cref="MaxSize"/> bytes.</param>
    /// <param name="type">RTM_....</param>
    /// <param name="flags">NLM_F_...; NLM_F_REQUEST is always added.</param>
    public NetlinkRequest(Span<byte> buffer, ushort type, ushort flags)
    {
        _buffer = buffer;
        Head = new nlmsghdr { nlmsg_type = type, nlmsg_flags = (ushort)(flags | NLM_F_REQUEST) };
        _length = NetlinkMessages.HeaderSize;
    }

    private readonly ref nlmsghdr Head => ref MemoryMarshal.AsRef<nlmsghdr>(_buffer);

    /// <summary>Appends the struct that follows the header; its size is a multiple of 4.</summary>
    public void Append<T>(in T part)
        where T : unmanaged
    {
        MemoryMarshal.Write(_buffer[_length..], part);
        _length += Unsafe.SizeOf<T>();
    }

    public void Add(ushort type, scoped ReadOnlySpan<byte> value)
    {
        Span<byte> rest = _buffer[_length..];
        int length = HeadSize + value.Length;
        MemoryMarshal.Write(rest, new rtattr { rta_len = (ushort)length, rta_type = type });
        value.CopyTo(rest[HeadSize..]);
        rest[length..NetlinkAttributes.Align(length)].Clear();
        _length += NetlinkAttributes.Align(length);
    }

    /// <summary>In the machine's byte order.</summary>
    public void Add<T>(ushort type, T value)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));
        Add(type, bytes);
    }

    /// <summary>The whole message.</summary>
    public readonly ReadOnlySpan<byte> Complete(uint sequence)
    {
        Head.nlmsg_len = (uint)_length;
        Head.nlmsg_seq = sequence;
        return _buffer[.._length];
    }
}
