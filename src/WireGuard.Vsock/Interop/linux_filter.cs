using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>linux/filter.h and linux/bpf_common.h: classic BPF, as far as filters of system calls need it.</summary>
internal static partial class Libc
{
    public const ushort BPF_LD_W_ABS = 0x20;
    public const ushort BPF_JMP_JA = 0x05;
    public const ushort BPF_JMP_JEQ_K = 0x15;
    public const ushort BPF_JMP_JGE_K = 0x35;
    public const ushort BPF_ALU_AND_K = 0x54;
    public const ushort BPF_RET_K = 0x06;

    /// <summary>The most instructions of a filter.</summary>
    public const int BPF_MAXINSNS = 4096;

    /// <param name="code">BPF_...</param>
    /// <param name="jt">How many instructions are skipped if a comparison holds.</param>
    /// <param name="jf">The same if not.</param>
    /// <param name="k">The operand.</param>
    [StructLayout(LayoutKind.Sequential)]
    public readonly struct sock_filter(ushort code, byte jt, byte jf, uint k)
    {
        public readonly ushort code = code;
        public readonly byte jt = jt;
        public readonly byte jf = jf;
        public readonly uint k = k;
    }

    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct sock_fprog
    {
        public ushort len;
        public sock_filter* filter;
    }
}
