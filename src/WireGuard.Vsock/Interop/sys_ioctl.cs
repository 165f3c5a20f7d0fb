using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/ioctl.h. ioctl is variadic; see fcntl.cs.</summary>
internal static unsafe partial class Libc
{
    /// <summary>
    /// On a socket: a descriptor of its network namespace (include/uapi/linux/sockios.h). Needs CAP_NET_ADMIN there.
    /// </summary>
    public const uint SIOCGSKNS = 0x894c;

    /// <summary>
    /// On a Unix socket: a descriptor, as by O_PATH, of the file it is bound to (include/uapi/linux/un.h). Needs CAP_NET_ADMIN.
    /// </summary>
    public const uint SIOCUNIXFILE = 0x89e0;

    [LibraryImport(LibraryName)]
    public static partial int ioctl(int fd, nuint request, void* argument);
}
