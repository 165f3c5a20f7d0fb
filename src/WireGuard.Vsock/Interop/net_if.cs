using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>net/if.h (include/uapi/linux/if.h, include/uapi/linux/sockios.h).</summary>
internal static unsafe partial class Libc
{
    /// <summary>An interface's name with its closing zero.</summary>
    public const int IFNAMSIZ = 16;

    public const uint IFF_UP = 0x1;

    public const uint SIOCGIFNAME = 0x8910;
    public const uint SIOCSIFMTU = 0x8922;
    public const uint SIOCGIFINDEX = 0x8933;
    public const uint SIOCSIFTXQLEN = 0x8943;

    /// <summary>struct ifreq: a name and a union of 24 bytes; those members that are used here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    public struct ifreq
    {
        [FieldOffset(0)] public fixed byte ifr_name[IFNAMSIZ];
        [FieldOffset(16)] public ushort ifr_flags;
        [FieldOffset(16)] public int ifr_ifindex;
        [FieldOffset(16)] public int ifr_mtu;
        [FieldOffset(16)] public int ifr_qlen;
    }

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial uint if_nametoindex(string name);

    /// <param name="name">Receives IFNAMSIZ bytes.</param>
    [LibraryImport(LibraryName)]
    public static partial byte* if_indextoname(uint index, byte* name);
}
