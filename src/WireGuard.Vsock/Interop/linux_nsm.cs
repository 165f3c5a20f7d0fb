using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>include/uapi/linux/nsm.h: the Nitro Secure Module.</summary>
internal static partial class Libc
{
    public const int NSM_RESPONSE_MAX_SIZE = 0x3000;

    /// <summary>_IOWR(0x0a, 0, struct nsm_raw).</summary>
    public const ulong NSM_IOCTL_RAW = 0xc0200a00;

    /// <summary>Its lengths are in bytes; that of the response is set to what was written.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct nsm_raw
    {
        public ulong request_addr;
        public ulong request_len;
        public ulong response_addr;
        public ulong response_len;
    }
}
