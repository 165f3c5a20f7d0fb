using System.Runtime.InteropServices;
using CsCheck;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Sandbox;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Sandbox;

/// <summary>The filter's program, run by an interpreter, answers as its rules do, which are read here in the plain way.</summary>
public sealed class SystemCallFilterTests
{
    private const int Process = 4711;

    private static readonly SandboxNeeds[] s_needs =
    [
        new(SandboxRole.Daemon) { Families = [AF_INET, AF_INET6], SetsMark = true },
        new(SandboxRole.Daemon) { Families = [AF_VSOCK] },
        new(SandboxRole.Daemon) { Families = [AF_UNIX] },
        new(SandboxRole.Relay) { Families = [AF_VSOCK, AF_UNIX, AF_INET, AF_INET6], ForcesBuffers = true },
        new(SandboxRole.Attest),
        new(SandboxRole.Provisioner) { Families = [AF_VSOCK], Ioctls = [(uint)NSM_IOCTL_RAW] },
    ];

    /// <summary>Values that rules compare with, and neighbours of theirs.</summary>
    private static readonly ulong[] s_values =
    [
        0, 1, 2, 3, 4, 7, 0x41, 0x400000, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_VSOCK, SOCK_RAW, SOCK_STREAM | SOCK_CLOEXEC,
        SOCK_DGRAM | SOCK_NONBLOCK, 0x3d0f00, 0x3d0f11, 0x10000, SIGCHLD, Process, Process + 1, TUNGETIFF, TUNSETIFF, 0x541b,
        PR_SET_NAME, PR_SET_DUMPABLE, SOL_SOCKET, SO_MARK, 25, 1UL << 32, (1UL << 32) + Process, ulong.MaxValue, NSM_IOCTL_RAW,
    ];

    private static readonly Gen<ulong[]> s_arguments =
        Gen.OneOf(Gen.Int[0, s_values.Length - 1].Select(i => s_values[i]), Gen.ULong).Array[6];

    public static TheoryData<int, Architecture> Programs
    {
        get
        {
            TheoryData<int, Architecture> all = [];
            for (int i = 0; i < s_needs.Length; i++)
            {
                all.Add(i, Architecture.X64);
                all.Add(i, Architecture.Arm64);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void Filter_answers_every_call_as_its_rules_do(int which, Architecture architecture)
    {
        IReadOnlyList<SystemCallRule> rules = SystemCallRules.Of(s_needs[which], Process);
        sock_filter[] program = SystemCallFilter.Assemble(rules, architecture);
        Assert.InRange(program.Length, 1, BPF_MAXINSNS);
        Gen.Select(Gen.OneOf(Gen.UInt[0, 500], Gen.UInt), s_arguments).Sample(
            (number, arguments) =>
                Answer(rules, architecture, number, arguments) == Run(program, Audit(architecture), number, arguments),
            iter: 20_000);
        for (uint number = 0; number < 600; number++)
        {
            foreach (ulong value in s_values)
            {
                ulong[] arguments = [value, value, value, 0, 0, 0];
                Assert.Equal(
                    Answer(rules, architecture, number, arguments), Run(program, Audit(architecture), number, arguments));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void Calls_of_another_architecture_are_killed(int which, Architecture architecture)
    {
        sock_filter[] program = SystemCallFilter.Assemble(SystemCallRules.Of(s_needs[which], Process), architecture);
        uint sibling = Audit(architecture == Architecture.X64 ? Architecture.Arm64 : Architecture.X64);
        foreach (uint other in (uint[])[0x40000003, 0x40000028, sibling])
        {
            for (uint number = 0; number < 600; number++)
                Assert.Equal(SystemCallAnswer.Kill, Run(program, other, number, new ulong[6]));
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void Calls_of_x32_are_killed(int which, Architecture architecture)
    {
        sock_filter[] program = SystemCallFilter.Assemble(SystemCallRules.Of(s_needs[which], Process), architecture);
        for (uint number = 0; number < 600; number++)
            Assert.Equal(SystemCallAnswer.Kill, Run(program, Audit(architecture), number | 0x40000000, new ulong[6]));
    }

    /// <summary>if_nametoindex(3) asks for a datagram socket of AF_UNIX before it asks for another.</summary>
    [Theory]
    [MemberData(nameof(Programs))]
    public void Datagram_sockets_that_the_C_library_can_do_without_are_refused(int which, Architecture architecture)
    {
        sock_filter[] program = SystemCallFilter.Assemble(SystemCallRules.Of(s_needs[which], Process), architecture);
        uint number = (uint)SystemCall.socket.NumberOn(architecture);
        foreach (ulong family in (ulong[])[AF_UNIX, AF_NETLINK])
        {
            Assert.Equal(
                SystemCallAnswer.NoSuchFamily,
                Run(program, Audit(architecture), number, [family, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0, 0]));
        }
    }

    /// <summary>if_nametoindex(3) asks for them last: a relay's file may have a scope at any time.</summary>
    [Theory]
    [MemberData(nameof(Programs))]
    public void Sockets_of_IP_are_refused_where_no_network_is_IP(int which, Architecture architecture)
    {
        sock_filter[] program = SystemCallFilter.Assemble(SystemCallRules.Of(s_needs[which], Process), architecture);
        uint number = (uint)SystemCall.socket.NumberOn(architecture);
        foreach (int family in (int[])[AF_INET, AF_INET6])
        {
            bool isIP = s_needs[which].Families.Contains(family);
            SystemCallAnswer OfType(int type) =>
                Run(program, Audit(architecture), number, [(ulong)family, (uint)type | SOCK_CLOEXEC, 0, 0, 0, 0]);
            Assert.Equal(isIP ? SystemCallAnswer.Allow : SystemCallAnswer.NoSuchFamily, OfType(SOCK_DGRAM));
            Assert.Equal(isIP ? SystemCallAnswer.Kill : SystemCallAnswer.NoSuchFamily, OfType(SOCK_RAW));
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void Files_are_removed_only_by_those_who_have_sockets_in_folders(int which, Architecture architecture)
    {
        foreach (string[] folders in (string[][])[[], ["/run/wireguard"]])
        {
            IReadOnlyList<SystemCallRule> rules = SystemCallRules.Of(s_needs[which] with { SocketFolders = folders }, Process);
            sock_filter[] program = SystemCallFilter.Assemble(rules, architecture);
            uint number = (uint)SystemCall.unlinkat.NumberOn(architecture);
            Assert.Equal(
                folders.Length != 0 ? SystemCallAnswer.Allow : SystemCallAnswer.Kill,
                Run(program, Audit(architecture), number, new ulong[6]));
        }
    }

    /// <summary>The daemon has done so before it is confined.</summary>
    [Theory]
    [MemberData(nameof(Programs))]
    public void Buffers_are_forced_above_the_systems_limit_by_the_relay_alone(int which, Architecture architecture)
    {
        sock_filter[] program = SystemCallFilter.Assemble(SystemCallRules.Of(s_needs[which], Process), architecture);
        uint number = (uint)SystemCall.setsockopt.NumberOn(architecture);
        foreach (ulong option in (ulong[])[SO_RCVBUFFORCE, SO_SNDBUFFORCE])
        {
            Assert.Equal(
                s_needs[which].Role == SandboxRole.Relay ? SystemCallAnswer.Allow : SystemCallAnswer.NotPermitted,
                Run(program, Audit(architecture), number, [3, SOL_SOCKET, option, 0, 0, 0]));
        }
    }

    /// <summary>The kernel answers them from a bitmap then, without running the filter.</summary>
    [Theory]
    [InlineData("read write readv writev sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg")]
    [InlineData("epoll_wait epoll_pwait poll futex")]
    public void Calls_of_the_data_path_are_answered_by_their_number_alone(string names)
    {
        foreach (string name in names.Split(' '))
        {
            SystemCall call = Enum.Parse<SystemCall>(name);
            SystemCallRule rule = SystemCallRules.Of(s_needs[0], Process).Single(rule => rule.Call == call);
            Assert.Equal((SystemCallAnswer.Allow, 0), (rule.Otherwise, rule.Clauses.Length));
        }
    }

    [Theory]
    [InlineData("execve")]
    [InlineData("execveat")]
    [InlineData("ptrace")]
    [InlineData("mount")]
    [InlineData("setns")]
    [InlineData("unshare")]
    [InlineData("seccomp")]
    public void No_process_of_ours_may(string name)
    {
        SystemCall call = Enum.Parse<SystemCall>(name);
        foreach (SandboxNeeds needs in s_needs)
            Assert.DoesNotContain(SystemCallRules.Of(needs, Process), rule => rule.Call == call);
    }

    [Fact]
    public void Numbers_are_those_of_the_kernels_headers()
    {
        HeaderHolds("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", Architecture.X64);
        HeaderHolds("/usr/include/asm-generic/unistd.h", Architecture.Arm64);
    }

    private static void HeaderHolds(string header, Architecture architecture)
    {
        if (!File.Exists(header))
            return;
        Dictionary<string, int> numbers = [];
        foreach (string line in File.ReadLines(header))
        {
            string[] words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words is ["#define", var name, var number, ..] && int.TryParse(number, out int value))
                numbers[name.Replace("__NR3264_", "__NR_", StringComparison.Ordinal)] = value;
        }

        foreach (SystemCall call in Enum.GetValues<SystemCall>().Where(call => call != SystemCall.None))
        {
            string name = architecture == Architecture.Arm64 && call == SystemCall.newfstatat ? "fstatat" : call.ToString();
            Assert.Equal((name, numbers.GetValueOrDefault("__NR_" + name, -1)), (name, call.NumberOn(architecture)));
        }
    }

    private static uint Audit(Architecture architecture) =>
        architecture == Architecture.Arm64 ? AUDIT_ARCH_AARCH64 : AUDIT_ARCH_X86_64;

    private static SystemCallAnswer Answer(
        IReadOnlyList<SystemCallRule> rules, Architecture architecture, uint number, ulong[] arguments)
    {
        if (rules.SingleOrDefault(rule => rule.Call.NumberOn(architecture) == (long)number) is not { } found)
            return SystemCallAnswer.Kill;
        foreach (SystemCallClause clause in found.Clauses)
        {
            bool holds = clause.Conditions.All(condition =>
                ((uint)(arguments[condition.Argument] >> (condition.IsHigh ? 32 : 0)) & condition.Mask) == condition.Value);
            if (holds)
                return clause.Answer;
        }

        return found.Otherwise;
    }

    /// <summary>As the kernel runs it (kernel/bpf and kernel/seccomp.c), what is used of it.</summary>
    private static SystemCallAnswer Run(sock_filter[] program, uint architecture, uint number, ulong[] arguments)
    {
        uint accumulator = 0;
        for (int i = 0; ; i++)
        {
            sock_filter instruction = program[i];
            switch (instruction.code)
            {
                case BPF_LD_W_ABS:
                    accumulator = instruction.k switch
                    {
                        SeccompNumber => number,
                        SeccompArchitecture => architecture,
                        uint offset => (uint)(arguments[(offset - SeccompArguments) / 8] >> (offset % 8 == 0 ? 0 : 32)),
                    };
                    break;
                case BPF_ALU_AND_K:
                    accumulator &= instruction.k;
                    break;
                case BPF_JMP_JA:
                    i += (int)instruction.k;
                    break;
                case BPF_JMP_JEQ_K:
                    i += accumulator == instruction.k ? instruction.jt : instruction.jf;
                    break;
                case BPF_JMP_JGE_K:
                    i += accumulator >= instruction.k ? instruction.jt : instruction.jf;
                    break;
                default:
                    Assert.Equal(BPF_RET_K, instruction.code);
                    return (SystemCallAnswer)instruction.k;
            }
        }
    }
}
