using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/inotify.h (include/uapi/linux/inotify.h).</summary>
internal static partial class Libc
{
    public const uint IN_ATTRIB = 0x004;
    public const uint IN_DELETE_SELF = 0x400;
    public const uint IN_MOVE_SELF = 0x800;
    public const uint IN_DONT_FOLLOW = 0x02000000;
    public const int IN_CLOEXEC = O_CLOEXEC;
    public const int IN_NONBLOCK = O_NONBLOCK;

    [LibraryImport(LibraryName)]
    public static partial int inotify_init1(int flags);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int inotify_add_watch(int fd, string path, uint mask);
}
