using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/prctl.h (include/uapi/linux/prctl.h). prctl is variadic; see fcntl.cs.</summary>
internal static partial class Libc
{
    public const int PR_SET_PDEATHSIG = 1;
    public const int PR_SET_DUMPABLE = 4;
    public const int PR_SET_NAME = 15;
    public const int PR_CAPBSET_DROP = 24;
    public const int PR_SET_NO_NEW_PRIVS = 38;
    public const int PR_CAP_AMBIENT = 47;
    public const int PR_CAP_AMBIENT_CLEAR_ALL = 4;

    /// <summary>Names memory; glibc from 2.41 on may ask for it.</summary>
    public const int PR_SET_VMA = 0x53564d41;

    [LibraryImport(LibraryName)]
    public static partial int prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);
}
