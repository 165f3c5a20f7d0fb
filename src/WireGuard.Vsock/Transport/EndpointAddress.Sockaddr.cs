using System.Buffers.Binary;
using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// The address as the kernel's struct sockaddr. Families and VSOCK's numbers are in host order, IP's addresses and ports in
/// network order:
/// <code>
/// sockaddr_in   16 bytes   u16 family | u16 port | u32 addr | zero[8]                             linux/in.h
/// sockaddr_in6  28 bytes   u16 family | u16 port | u32 flowinfo | addr[16] | u32 scope_id         linux/in6.h
/// sockaddr_vm   16 bytes   u16 family | u16 reserved1 | u32 port | u32 cid | u8 flags | zero[3]   linux/vm_sockets.h
/// sockaddr_un  to 110 bytes  u16 family | path[108], ended by a zero                              linux/un.h
/// </code>
/// </summary>
internal readonly partial struct EndpointAddress
{
    /// <summary>The size of the longest sockaddr but for a Unix socket's: that of IPv6.</summary>
    internal const int MaxSockaddrSize = Sockaddr6Size;

    /// <summary>The size of the longest sockaddr.</summary>
    internal const int MaxUnixSockaddrSize = 110;

    private const int Sockaddr4Size = 16;
    private const int Sockaddr6Size = 28;
    private const int SockaddrVmSize = 16;

    /// <summary>Reads what recvmsg(2), accept(2) or getpeername(2) gave; false for another family or too few bytes.</summary>
    internal static bool TryFromSockaddr(ReadOnlySpan<byte> sockaddr, out EndpointAddress endpoint)
    {
        endpoint = default;
        if (!MemoryMarshal.TryRead(sockaddr, out ushort family))
            return false;
        switch (family)
        {
            case AF_INET when sockaddr.Length >= Sockaddr4Size:
                endpoint = IPv4(
                    BinaryPrimitives.ReadUInt32BigEndian(sockaddr[4..]),
                    BinaryPrimitives.ReadUInt16BigEndian(sockaddr[2..]));
                return true;
            case AF_INET6 when sockaddr.Length >= Sockaddr6Size:
                endpoint = IPv6(
                    BinaryPrimitives.ReadUInt128BigEndian(sockaddr[8..]),
                    BinaryPrimitives.ReadUInt16BigEndian(sockaddr[2..]),
                    MemoryMarshal.Read<uint>(sockaddr[24..]));
                return true;
            case AF_VSOCK when sockaddr.Length >= SockaddrVmSize:
                endpoint = Vsock(MemoryMarshal.Read<uint>(sockaddr[8..]), MemoryMarshal.Read<uint>(sockaddr[4..]));
                return true;
            default:
                return false;
        }
    }

    /// <summary>Writes the sockaddr for bind(2), connect(2) or sendmsg(2).</summary>
    /// <param name="sockaddr">At least <see cref="MaxSockaddrSize"/> bytes, or <see cref="MaxUnixSockaddrSize"/>.</param>
    /// <returns>How many bytes it is: 16 or 28, or up to 110.</returns>
    internal int WriteSockaddr(Span<byte> sockaddr)
    {
        switch (Kind)
        {
            case AddressFamilyKind.IPv4:
                sockaddr[..Sockaddr4Size].Clear();
                MemoryMarshal.Write(sockaddr, (ushort)AF_INET);
                BinaryPrimitives.WriteUInt16BigEndian(sockaddr[2..], (ushort)_port);
                BinaryPrimitives.WriteUInt32BigEndian(sockaddr[4..], (uint)_host);
                return Sockaddr4Size;
            case AddressFamilyKind.IPv6:
                MemoryMarshal.Write(sockaddr, (ushort)AF_INET6);
                BinaryPrimitives.WriteUInt16BigEndian(sockaddr[2..], (ushort)_port);
                MemoryMarshal.Write(sockaddr[4..], 0u);
                BinaryPrimitives.WriteUInt128BigEndian(sockaddr[8..], _host);
                MemoryMarshal.Write(sockaddr[24..], _scopeOrFlags);
                return Sockaddr6Size;
            case AddressFamilyKind.Vsock:
                sockaddr[..SockaddrVmSize].Clear();
                MemoryMarshal.Write(sockaddr, (ushort)AF_VSOCK);
                MemoryMarshal.Write(sockaddr[4..], _port);
                MemoryMarshal.Write(sockaddr[8..], (uint)_host);
                sockaddr[12] = (byte)_scopeOrFlags;
                return SockaddrVmSize;
            case AddressFamilyKind.Unix:
                return UnixAddress.WriteSockaddr(Path!, sockaddr);
            default:
                throw NoAddress();
        }
    }
}
