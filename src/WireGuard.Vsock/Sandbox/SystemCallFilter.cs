using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Sandbox;

/// <summary>
/// Assembles rules into the classic BPF of a seccomp filter (Documentation/userspace-api/seccomp_filter.rst):
/// <code>
/// 1. Another architecture, as of the 32-bit calls: killed.
/// 2. A tree of comparisons finds the call's number among ranges of numbers with the same answer. x32 calls are x86-64 numbers
///    from 0x40000000 on, above all that are known.
/// 3. The clauses of its rule, in their order. What no rule names is killed.
/// </code>
/// A call without clauses is answered by its number alone, so the kernel answers it from a bitmap and does not run the filter
/// (since Linux 5.11): those of the data path must have none.
/// </summary>
internal static class SystemCallFilter
{
    private const int LongestJump = byte.MaxValue;

    /// <summary>Above all that are known; the last range goes on from there.</summary>
    private const int Numbers = 1024;

    /// <summary>Numbers from the first one on, up to the next range's; the rule that answers them, null for killing.</summary>
    private readonly record struct Range(uint First, SystemCallRule? Rule);

    public static sock_filter[] Assemble(IReadOnlyList<SystemCallRule> rules, Architecture architecture)
    {
        List<Range> ranges = RangesOf(rules, architecture);
        return
        [
            new(BPF_LD_W_ABS, 0, 0, SeccompArchitecture),
            new(BPF_JMP_JEQ_K, 1, 0, architecture == Architecture.Arm64 ? AUDIT_ARCH_AARCH64 : AUDIT_ARCH_X86_64),
            Return(SystemCallAnswer.Kill),
            new(BPF_LD_W_ABS, 0, 0, SeccompNumber),
            .. TreeOf(ranges, 0, ranges.Count),
        ];
    }

    private static List<Range> RangesOf(IReadOnlyList<SystemCallRule> rules, Architecture architecture)
    {
        SystemCallRule?[] byNumber = new SystemCallRule?[Numbers];
        foreach (SystemCallRule rule in rules)
        {
            int number = rule.Call.NumberOn(architecture);
            if (number >= 0)
                byNumber[number] = rule;
        }

        List<Range> ranges = [];
        for (int number = 0; number < Numbers; number++)
        {
            if (ranges.Count == 0 || !IsSame(ranges[^1].Rule, byNumber[number]))
                ranges.Add(new Range((uint)number, byNumber[number]));
        }

        return ranges;
    }

    /// <summary>Whether two calls are answered alike whatever their arguments are.</summary>
    private static bool IsSame(SystemCallRule? one, SystemCallRule? other) => one is null || other is null
        ? one == other
        : one.Clauses.Length == 0 && other.Clauses.Length == 0 && one.Otherwise == other.Otherwise;

    private static List<sock_filter> TreeOf(List<Range> ranges, int first, int end)
    {
        if (end - first == 1)
            return ranges[first].Rule is { } rule ? AnswerOf(rule) : [Return(SystemCallAnswer.Kill)];
        int middle = (first + end) / 2;
        List<sock_filter> below = TreeOf(ranges, first, middle), above = TreeOf(ranges, middle, end);
        uint from = ranges[middle].First;
        // Conditional jumps reach 255 instructions far.
        return below.Count <= LongestJump
            ? [new(BPF_JMP_JGE_K, (byte)below.Count, 0, from), .. below, .. above]
            : [new(BPF_JMP_JGE_K, 0, 1, from), new(BPF_JMP_JA, 0, 0, (uint)below.Count), .. below, .. above];
    }

    private static List<sock_filter> AnswerOf(SystemCallRule rule)
    {
        List<sock_filter> program = [];
        foreach (SystemCallClause clause in rule.Clauses)
            program.AddRange(TestOf(clause));
        program.Add(Return(rule.Otherwise));
        return program;
    }

    /// <summary>Returns the clause's answer, or goes on behind it.</summary>
    private static List<sock_filter> TestOf(SystemCallClause clause)
    {
        List<sock_filter> program = [Return(clause.Answer)];
        for (int i = clause.Conditions.Length - 1; i >= 0; i--)
        {
            ArgumentCondition condition = clause.Conditions[i];
            program.Insert(0, new(BPF_JMP_JEQ_K, 0, (byte)program.Count, condition.Value));
            if (condition.Mask != uint.MaxValue)
                program.Insert(0, new(BPF_ALU_AND_K, 0, 0, condition.Mask));
            uint offset = SeccompArguments + (8 * (uint)condition.Argument) + (condition.IsHigh ? 4u : 0);
            program.Insert(0, new(BPF_LD_W_ABS, 0, 0, offset));
        }

        return program;
    }

    private static sock_filter Return(SystemCallAnswer answer) => new(BPF_RET_K, 0, 0, (uint)answer);
}
