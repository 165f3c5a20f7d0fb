using System.Runtime.InteropServices;

namespace WireGuard.Protocol.Crypto.Interop;

// <sys/mman.h>, <asm-generic/mman-common.h>
internal static unsafe partial class Libc
{
    internal const int PROT_NONE = 0;
    internal const int PROT_READ = 1;
    internal const int PROT_WRITE = 2;
    internal const int MAP_PRIVATE = 2;
    internal const int MAP_ANONYMOUS = 0x20;
    internal const int MADV_DONTDUMP = 16;
    internal const int MADV_WIPEONFORK = 18; // from Linux 4.14 on

    [LibraryImport("libc")]
    internal static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc")]
    internal static partial int munmap(void* address, nuint length);

    [LibraryImport("libc")]
    internal static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc")]
    internal static partial int mlock(void* address, nuint length);

    [LibraryImport("libc")]
    internal static partial int madvise(void* address, nuint length, int advice);
}
