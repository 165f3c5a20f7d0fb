using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>sys/utsname.h (include/uapi/linux/utsname.h, struct new_utsname).</summary>
internal static unsafe partial class Libc
{
    private const int UtsLength = 65;

    [StructLayout(LayoutKind.Sequential)]
    public struct utsname
    {
        public fixed byte sysname[UtsLength];
        public fixed byte nodename[UtsLength];
        public fixed byte release[UtsLength];
        public fixed byte version[UtsLength];
        public fixed byte machine[UtsLength];
        public fixed byte domainname[UtsLength];
    }

    [LibraryImport(LibraryName)]
    public static partial int uname(utsname* name);
}
