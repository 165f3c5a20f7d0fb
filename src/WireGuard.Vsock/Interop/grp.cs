using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>grp.h.</summary>
internal static unsafe partial class Libc
{
    [StructLayout(LayoutKind.Sequential)]
    public struct group
    {
        public byte* gr_name;
        public byte* gr_passwd;
        public uint gr_gid;
        public byte** gr_mem;
    }

    /// <summary>Gives an errno, not -1; <paramref name="found"/> is null if there is no such group.</summary>
    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int getgrnam_r(string name, group* entry, byte* buffer, nuint size, group** found);
}
