using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/mount.h (include/uapi/linux/mount.h) and sys/reboot.h (include/uapi/linux/reboot.h).</summary>
internal static unsafe partial class Libc
{
    public const ulong MS_NOSUID = 2;
    public const ulong MS_NODEV = 4;
    public const ulong MS_NOEXEC = 8;

    public const int RB_AUTOBOOT = 0x01234567;

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int mount(string source, string target, string type, ulong flags, string? data);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int umount2(string target, int flags);

    [LibraryImport(LibraryName)]
    public static partial int reboot(int how);
}
