using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Interop;

/// <summary>What a process may take from itself. Most of it is one thread's alone.</summary>
internal static unsafe partial class Sys
{
    public static int ProcessControl(int option, nuint argument2, nuint argument3 = 0) =>
        Result(prctl(option, argument2, argument3, 0, 0));

    /// <summary>The capabilities that this thread has; 0 if that cannot be told.</summary>
    public static ulong Capabilities()
    {
        cap_user_header header = new() { version = _LINUX_CAPABILITY_VERSION_3 };
        cap_user_data data;
        return capget(&header, &data) < 0 ? 0 : ((ulong)data.permitted_high << 32) | data.permitted;
    }

    /// <summary>Gives this thread these capabilities, of those that are permitted to it; none is inherited.</summary>
    public static int SetCapabilities(ulong permitted, ulong effective)
    {
        cap_user_header header = new() { version = _LINUX_CAPABILITY_VERSION_3 };
        cap_user_data data = new()
        {
            permitted = (uint)permitted,
            permitted_high = (uint)(permitted >> 32),
            effective = (uint)effective,
            effective_high = (uint)(effective >> 32),
        };
        return Result(capset(&header, &data));
    }

    /// <summary>Sets a limit of this process, the soft and the hard one.</summary>
    public static int SetLimit(int resource, nuint most)
    {
        rlimit limit = new() { rlim_cur = most, rlim_max = most };
        return Result(setrlimit(resource, &limit));
    }

    /// <summary>seccomp(2). Above 0: the thread that could not be given the filter.</summary>
    public static int Seccomp(uint operation, uint flags, void* argument) =>
        Call(SystemCall.seccomp, operation, flags, (nuint)argument);

    /// <summary>The newest version of Landlock that the kernel has, or a negated errno.</summary>
    public static int LandlockVersion() => Call(SystemCall.landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);

    public static int LandlockCreate(in landlock_ruleset_attr attributes, int size)
    {
        fixed (landlock_ruleset_attr* p = &attributes)
            return Call(SystemCall.landlock_create_ruleset, (nuint)p, (nuint)size, 0);
    }

    public static int LandlockAllow(int ruleset, landlock_path_beneath_attr rule) =>
        Call(SystemCall.landlock_add_rule, (nuint)ruleset, LANDLOCK_RULE_PATH_BENEATH, (nuint)(&rule), 0);

    public static int LandlockRestrict(int ruleset) => Call(SystemCall.landlock_restrict_self, (nuint)ruleset, 0, 0);

    private static int Call(SystemCall call, nuint first, nuint second, nuint third, nuint fourth = 0) =>
        Result(syscall(call.NumberOn(RuntimeInformation.ProcessArchitecture), first, second, third, fourth));
}
