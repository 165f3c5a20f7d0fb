using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/file.h (include/uapi/asm-generic/fcntl.h), and the calls of stdio.h and unistd.h that work on paths.</summary>
internal static unsafe partial class Libc
{
    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;

    [LibraryImport(LibraryName)]
    public static partial int flock(int fd, int operation);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rename(string from, string to);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rmdir(string path);
}
