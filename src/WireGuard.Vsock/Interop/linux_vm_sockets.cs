using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>linux/vm_sockets.h (include/uapi/linux/vm_sockets.h).</summary>
internal static partial class Libc
{
    public const uint VMADDR_CID_ANY = 0xffffffff;
    public const uint VMADDR_PORT_ANY = 0xffffffff;
    public const uint VMADDR_CID_HYPERVISOR = 0;
    public const uint VMADDR_CID_LOCAL = 1;
    public const uint VMADDR_CID_HOST = 2;

    /// <summary>svm_flags: by the transport to the host, whatever the CID. Linux 5.11.</summary>
    public const byte VMADDR_FLAG_TO_HOST = 1;

    /// <summary>Of /dev/vsock: writes this machine's CID, an unsigned int. _IO(7, 0xb9).</summary>
    public const ulong IOCTL_VM_SOCKETS_GET_LOCAL_CID = 0x7b9;

    /// <summary>Options of level AF_VSOCK; the sizes are 64-bit.</summary>
    public const int SO_VM_SOCKETS_BUFFER_SIZE = 0;
    public const int SO_VM_SOCKETS_BUFFER_MAX_SIZE = 2;

    [StructLayout(LayoutKind.Sequential)]
    public struct sockaddr_vm
    {
        public ushort svm_family;
        public ushort svm_reserved1;
        public uint svm_port;
        public uint svm_cid;
        public byte svm_flags;
        private readonly byte svm_zero0, svm_zero1, svm_zero2;
    }
}
