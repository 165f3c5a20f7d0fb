using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>linux/landlock.h.</summary>
internal static partial class Libc
{
    public const uint LANDLOCK_CREATE_RULESET_VERSION = 1;
    public const uint LANDLOCK_RULE_PATH_BENEATH = 1;

    public const ulong LANDLOCK_ACCESS_FS_READ_FILE = 1 << 2;
    public const ulong LANDLOCK_ACCESS_FS_READ_DIR = 1 << 3;
    public const ulong LANDLOCK_ACCESS_FS_REMOVE_FILE = 1 << 5;
    public const ulong LANDLOCK_ACCESS_FS_MAKE_SOCK = 1 << 9;

    /// <summary>ABI 5: ioctl(2) of a device that is opened from then on.</summary>
    public const ulong LANDLOCK_ACCESS_FS_IOCTL_DEV = 1 << 15;

    /// <summary>
    /// All access to files that each ABI knows, from 1 on: 13 kinds, REFER with 2, TRUNCATE with 3, IOCTL_DEV with 5.
    /// </summary>
    public static ReadOnlySpan<ushort> LandlockFiles => [0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff];

    /// <summary>ABI 6: connecting to abstract Unix sockets of others.</summary>
    public const ulong LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 1;

    /// <summary>Of ABI 6; one before reads as many bytes as it knows.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct landlock_ruleset_attr
    {
        public ulong handled_access_fs;
        public ulong handled_access_net;
        public ulong scoped;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    public struct landlock_path_beneath_attr
    {
        public ulong allowed_access;
        public int parent_fd;
    }
}
