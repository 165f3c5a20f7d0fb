using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/resource.h (include/uapi/asm-generic/resource.h).</summary>
internal static unsafe partial class Libc
{
    public const int RLIMIT_CORE = 4;
    public const int RLIMIT_NOFILE = 7;
    public const int RLIMIT_MEMLOCK = 8;

    [StructLayout(LayoutKind.Sequential)]
    public struct rlimit
    {
        public nuint rlim_cur;
        public nuint rlim_max;
    }

    [LibraryImport(LibraryName)]
    public static partial int getrlimit(int resource, rlimit* limit);

    [LibraryImport(LibraryName)]
    public static partial int setrlimit(int resource, rlimit* limit);
}
