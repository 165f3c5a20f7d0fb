using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// sys/stat.h. statx rather than stat: its struct is the same on every architecture (include/uapi/linux/stat.h).
/// </summary>
internal static unsafe partial class Libc
{
    public const uint STATX_BASIC_STATS = 0x7ff;
    public const ushort S_IFMT = 0xf000;
    public const ushort S_IFIFO = 0x1000;
    public const ushort S_IFDIR = 0x4000;
    public const ushort S_IFREG = 0x8000;
    public const ushort S_IFLNK = 0xa000;
    public const ushort S_IXALL = 0x49; // S_IXUSR | S_IXGRP | S_IXOTH
    public const ushort S_IFSOCK = 0xc000;

    /// <summary>struct statx: 256 bytes; those fields that are read here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct statx_t
    {
        [FieldOffset(0)] public uint stx_mask;
        [FieldOffset(16)] public uint stx_nlink;
        [FieldOffset(20)] public uint stx_uid;
        [FieldOffset(24)] public uint stx_gid;
        [FieldOffset(28)] public ushort stx_mode;
        [FieldOffset(32)] public ulong stx_ino;
        [FieldOffset(96)] public long stx_ctime_sec;
        [FieldOffset(104)] public uint stx_ctime_nsec;
        [FieldOffset(136)] public uint stx_dev_major;
        [FieldOffset(140)] public uint stx_dev_minor;

        /// <summary>Whether two paths or descriptors mean one and the same file.</summary>
        public readonly bool IsSameFileAs(in statx_t other) =>
            stx_ino == other.stx_ino && stx_dev_major == other.stx_dev_major && stx_dev_minor == other.stx_dev_minor;
    }

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statx(int directory, string path, int flags, uint mask, statx_t* status);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int mkdir(string path, uint mode);

    [LibraryImport(LibraryName)]
    public static partial uint umask(uint mask);
}
