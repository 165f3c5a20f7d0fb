using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Interop;

/// <summary>The C library's names and texts of addresses. Unlike the rest, these allocate; they are called by no lane.</summary>
internal static unsafe partial class Sys
{
    /// <summary>getaddrinfo(3) for datagrams: the struct sockaddr of each address that it found, in its order.</summary>
    /// <param name="host">A name or an address; null for the wildcard address, with AI_PASSIVE.</param>
    /// <param name="error">What gai_strerror(3), or for EAI_SYSTEM strerror(3), says; empty on success.</param>
    /// <returns>0, or EAI_NONAME and the like. It may block for as long as resolv.conf(5) says.</returns>
    public static int GetAddressInfo(string? host, string service, int flags, List<byte[]> found, out string error)
    {
        addrinfo hints = new() { ai_flags = flags, ai_socktype = SOCK_DGRAM, ai_protocol = IPPROTO_UDP };
        addrinfo* first = null;
        int code = getaddrinfo(host, service, &hints, &first);
        error = code switch
        {
            0 => "",
            EAI_SYSTEM => Errno.Text(Marshal.GetLastSystemError()),
            _ => Marshal.PtrToStringUTF8((nint)gai_strerror(code)) ?? "",
        };
        if (code != 0)
            return code;
        for (addrinfo* one = first; one != null; one = one->ai_next)
            found.Add(new ReadOnlySpan<byte>(one->ai_addr, (int)one->ai_addrlen).ToArray());
        freeaddrinfo(first);
        return 0;
    }

    /// <summary>The number of a group, which may be given as such.</summary>
    /// <returns>0; -ENOENT if there is no such group; or another negated errno.</returns>
    public static int GroupId(string name, out uint id)
    {
        if (uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out id) && id != uint.MaxValue)
            return 0;
        const int most = 1 << 20; // a group has all its members in the buffer
        for (int size = 1024; ; size *= 4)
        {
            group entry;
            group* found = null;
            int error;
            fixed (byte* buffer = new byte[size]) error = getgrnam_r(name, &entry, buffer, (nuint)size, &found);
            if (error == Errno.ERANGE && size < most)
                continue;
            id = found == null ? 0 : entry.gr_gid;
            return error != 0 ? -error : found == null ? -Errno.ENOENT : 0;
        }
    }

    /// <summary>inet_ntop(3) of an IPv4 address, the number of 10.0.0.1 being 0x0A000001.</summary>
    public static string FormatIPv4(uint address)
    {
        address = BinaryPrimitives.ReverseEndianness(address);
        return Format(AF_INET, &address);
    }

    /// <summary>inet_ntop(3) of an IPv6 address, the number of ::1 being 1.</summary>
    public static string FormatIPv6(UInt128 address)
    {
        address = BinaryPrimitives.ReverseEndianness(address);
        return Format(AF_INET6, &address);
    }

    /// <summary>The interface's name, or its index in decimal if there is none: what getnameinfo(3) writes as a scope.</summary>
    public static string InterfaceName(uint index)
    {
        byte* name = stackalloc byte[IFNAMSIZ];
        return if_indextoname(index, name) == null ? $"{index}" : Marshal.PtrToStringUTF8((nint)name) ?? "";
    }

    private static string Format(int family, void* address)
    {
        const int Size = 46; // INET6_ADDRSTRLEN
        byte* text = stackalloc byte[Size];
        _ = inet_ntop(family, address, text, Size); // fails only for another family or too few bytes
        return Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
    }
}
