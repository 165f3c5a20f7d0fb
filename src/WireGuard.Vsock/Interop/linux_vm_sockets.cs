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
