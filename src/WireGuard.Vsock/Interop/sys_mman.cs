using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/mman.h (include/uapi/asm-generic/mman-common.h).</summary>
internal static unsafe partial class Libc
{
    public const int PROT_READ = 1;
    public const int MAP_SHARED = 1;

    [LibraryImport(LibraryName)]
    public static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport(LibraryName)]
    public static partial int munmap(void* address, nuint length);
}
