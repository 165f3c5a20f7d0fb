using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Sandbox;

/// <summary>What the kernel does with a system call.</summary>
internal enum SystemCallAnswer : uint
{
    Allow = Libc.SECCOMP_RET_ALLOW,

    /// <summary>Ends the process, by SIGSYS.</summary>
    Kill = Libc.SECCOMP_RET_KILL_PROCESS,

    /// <summary>Fails with an errno that the C library knows how to go on after.</summary>
    NoSuchCall = Libc.SECCOMP_RET_ERRNO | 38, // ENOSYS
    NoSuchFamily = Libc.SECCOMP_RET_ERRNO | Errno.EAFNOSUPPORT,
    NotPermitted = Libc.SECCOMP_RET_ERRNO | Errno.EPERM,
}

/// <summary>Compares half of an argument, masked, with a value.</summary>
/// <param name="Argument">From 0 on.</param>
/// <param name="IsHigh">Whether its upper 32 bits are meant: of pointers. Numbers are in the lower half alone.</param>
internal readonly record struct ArgumentCondition(int Argument, uint Value, uint Mask = uint.MaxValue, bool IsHigh = false);

/// <summary>An answer that holds if all of its conditions do.</summary>
internal readonly record struct SystemCallClause(SystemCallAnswer Answer, params ArgumentCondition[] Conditions);

/// <summary>The first clause that holds answers a call; where none does, <paramref name="Otherwise"/>.</summary>
internal sealed record SystemCallRule(SystemCall Call, SystemCallAnswer Otherwise, params SystemCallClause[] Clauses);
