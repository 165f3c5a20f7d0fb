namespace WireGuard.Vsock.Interop;

/// <summary>linux/seccomp.h and linux/audit.h.</summary>
internal static partial class Libc
{
    public const uint SECCOMP_SET_MODE_FILTER = 1;
    public const uint SECCOMP_GET_ACTION_AVAIL = 2;

    /// <summary>The filter is that of every thread of the process.</summary>
    public const uint SECCOMP_FILTER_FLAG_TSYNC = 1;

    /// <summary>
    /// Without the mitigation of speculative store bypass, which before Linux 5.16 comes with a filter and costs every memory
    /// access: it is for processes that run code of others (Documentation/admin-guide/hw-vuln/spectre.rst).
    /// </summary>
    public const uint SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;

    public const uint SECCOMP_RET_KILL_PROCESS = 0x80000000;
    public const uint SECCOMP_RET_ERRNO = 0x00050000;
    public const uint SECCOMP_RET_ALLOW = 0x7fff0000;

    /// <summary>Offsets in struct seccomp_data; an argument takes 8 bytes, its low half first.</summary>
    public const uint SeccompNumber = 0, SeccompArchitecture = 4, SeccompArguments = 16;

    public const uint AUDIT_ARCH_X86_64 = 0xc000003e;
    public const uint AUDIT_ARCH_AARCH64 = 0xc00000b7;
}
