using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>linux/if_addr.h (include/uapi/linux/if_addr.h).</summary>
internal static partial class Libc
{
    /// <summary>The prefix, or the other end of a point-to-point link.</summary>
    public const ushort IFA_ADDRESS = 1;

    /// <summary>The interface's own address; the kernel leaves it out where it is IFA_ADDRESS (IPv6).</summary>
    public const ushort IFA_LOCAL = 2;

    /// <summary>Follows nlmsghdr in RTM_NEWADDR and its like; attributes follow it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ifaddrmsg
    {
        public byte ifa_family;
        public byte ifa_prefixlen;
        public byte ifa_flags;
        public byte ifa_scope;
        public int ifa_index;
    }
}
