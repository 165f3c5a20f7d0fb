using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>linux/fib_rules.h (include/uapi/linux/fib_rules.h).</summary>
internal static partial class Libc
{
    /// <summary>The rule is for what its selectors do not match.</summary>
    public const uint FIB_RULE_INVERT = 0x2;

    /// <summary>Look the destination up in a table.</summary>
    public const byte FR_ACT_TO_TBL = 1;

    public const ushort FRA_PRIORITY = 6;
    public const ushort FRA_FWMARK = 10;

    /// <summary>Routes of prefixes no longer than this do not count; -1 for all count.</summary>
    public const ushort FRA_SUPPRESS_PREFIXLEN = 14;
    public const ushort FRA_TABLE = 15;
    public const ushort FRA_FWMASK = 16;

    public const ushort FRA_PAD = 18;

    /// <summary>Which program made it, RTPROT_....</summary>
    public const ushort FRA_PROTOCOL = 21;

    /// <summary>Follows nlmsghdr in RTM_NEWRULE and its like; attributes follow it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct fib_rule_hdr
    {
        public byte family;
        public byte dst_len;
        public byte src_len;
        public byte tos;
        public byte table;
        private readonly byte res1;
        private readonly byte res2;
        public byte action;
        public uint flags;
    }
}
