using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>linux/capability.h.</summary>
internal static unsafe partial class Libc
{
    public const int CAP_CHOWN = 0;
    public const int CAP_DAC_OVERRIDE = 1;
    public const int CAP_NET_BIND_SERVICE = 10;
    public const int CAP_NET_ADMIN = 12;
    public const int CAP_NET_RAW = 13;

    public const uint _LINUX_CAPABILITY_VERSION_3 = 0x20080522;

    [StructLayout(LayoutKind.Sequential)]
    public struct cap_user_header
    {
        public uint version;
        public int pid;
    }

    /// <summary>Two words of 32 capabilities each, of each set.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct cap_user_data
    {
        public uint effective;
        public uint permitted;
        public uint inheritable;
        public uint effective_high;
        public uint permitted_high;
        public uint inheritable_high;
    }

    [LibraryImport(LibraryName)]
    public static partial int capget(cap_user_header* header, cap_user_data* data);

    [LibraryImport(LibraryName)]
    public static partial int capset(cap_user_header* header, cap_user_data* data);
}
