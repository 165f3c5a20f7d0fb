using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>include/uapi/linux/vmclock-abi.h; little-endian, as its readers and writers are.</summary>
internal static partial class Libc
{
    public const uint VMCLOCK_MAGIC = 0x4b4c4356; // "VCLK"
    public const ushort VMCLOCK_VERSION = 1;

    /// <summary>The beginning of struct vmclock_abi, up to the last field read here.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct vmclock_abi
    {
        public uint magic;
        public uint size;
        public ushort version;
        public byte counter_id;
        public byte time_type;

        /// <summary>Odd while the fields after it are being changed.</summary>
        public uint seq_count;

        /// <summary>Changes to a value never used before at each live migration and each restore from a snapshot.</summary>
        public ulong disruption_marker;
    }
}
