using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// An address of an interface, made as `ip address add ADDRESS dev INTERFACE` makes it: IFA_LOCAL and IFA_ADDRESS both hold the
/// address with its host bits.
/// <code>nlmsghdr (16) | ifaddrmsg (8) | attributes</code>
/// </summary>
/// <param name="Address">The address and the length of its prefix.</param>
/// <param name="Interface">The interface's index.</param>
/// <param name="HasPeer">It has the other end's address besides; never one of ours.</param>
internal readonly record struct AddressMessage(InterfaceAddress Address, int Interface, bool HasPeer = false)
    : IRouteMessage<AddressMessage>
{
    public static ushort NewType => RTM_NEWADDR;

    private static int Size => Unsafe.SizeOf<ifaddrmsg>();

    /// <summary>As `ip` has it. The kernel finds that of an IPv6 address by itself.</summary>
    private byte Scope => !Address.IsIPv6 && Address.Address >> 120 == 127 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;

    public static void WriteFilter(in RouteFilter filter, ref NetlinkRequest request) =>
        request.Append(new ifaddrmsg { ifa_family = Family(filter.IsIPv6), ifa_index = filter.Interface });

    public static bool TryRead(ReadOnlySpan<byte> body, out AddressMessage message)
    {
        message = default;
        if (!MemoryMarshal.TryRead(body, out ifaddrmsg head) || head.ifa_family is not ((byte)AF_INET or (byte)AF_INET6))
            return false;
        ReadOnlySpan<byte> local = [], other = [];
        var attribute = new NetlinkAttributes(body[Size..]);
        while (attribute.MoveNext())
        {
            if (attribute.Type == IFA_LOCAL)
                local = attribute.Value;
            if (attribute.Type == IFA_ADDRESS)
                other = attribute.Value;
        }

        if (local.IsEmpty)
            local = other;
        bool isIPv6 = head.ifa_family == AF_INET6;
        if (!InterfaceAddress.TryRead(local, head.ifa_prefixlen, isIPv6, out InterfaceAddress address))
            return false;
        message = new AddressMessage(address, head.ifa_index, !local.SequenceEqual(other));
        return true;
    }

    public void Write(ref NetlinkRequest request)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes = bytes[..Address.Write(bytes)];
        request.Append(new ifaddrmsg
        {
            ifa_family = Family(Address.IsIPv6),
            ifa_prefixlen = Address.PrefixLength,
            ifa_scope = Scope,
            ifa_index = Interface,
        });
        request.Add(IFA_LOCAL, bytes);
        request.Add(IFA_ADDRESS, bytes);
    }

    public bool IsOf(in RouteFilter filter) =>
        Address.IsIPv6 == filter.IsIPv6 && (filter.Interface == 0 || Interface == filter.Interface);

    private static byte Family(bool isIPv6) => (byte)(isIPv6 ? AF_INET6 : AF_INET);
}
