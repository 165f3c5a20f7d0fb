using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>time.h (include/uapi/linux/time.h). All times are 64-bit on x86-64 and arm64.</summary>
internal static unsafe partial class Libc
{
    public const int CLOCK_REALTIME = 0;
    public const int CLOCK_MONOTONIC = 1;
    public const int CLOCK_BOOTTIME = 7;

    [StructLayout(LayoutKind.Sequential)]
    public struct timespec
    {
        public long tv_sec;
        public long tv_nsec;
    }

    /// <summary>struct tm of glibc: nine ints, then the zone's offset and name.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct tm
    {
        public int tm_sec;
        public int tm_min;
        public int tm_hour;
        public int tm_mday;
        public int tm_mon;
        public int tm_year;
        public int tm_wday;
        public int tm_yday;
        public int tm_isdst;
        public nint tm_gmtoff;
        public byte* tm_zone;
    }

    /// <summary>Without a GC transition: the vDSO answers these clocks in some 20 ns and never blocks.</summary>
    [LibraryImport(LibraryName)]
    [SuppressGCTransition]
    public static partial int clock_gettime(int clock, timespec* time);

    [LibraryImport(LibraryName)]
    public static partial tm* localtime_r(long* seconds, tm* result);
}
