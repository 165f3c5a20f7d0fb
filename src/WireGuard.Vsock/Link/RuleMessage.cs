using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Routing;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// A policy rule that looks a table up, made as `ip rule add [not] [fwmark MARK] table TABLE [suppress_prefixlength N]` makes it.
/// <code>nlmsghdr (16) | fib_rule_hdr (12) | attributes</code>
/// </summary>
/// <param name="IsIPv6">The family: each has rules of its own.</param>
/// <param name="Table">Which table it looks up.</param>
/// <param name="Priority">Lower ones go first; null to have the kernel choose one before all but the first.</param>
/// <param name="Mark">Only packets with this mark; 0 for all.</param>
/// <param name="IsInverted">Only packets without it.</param>
/// <param name="SuppressPrefixLength">Routes of prefixes no longer than this do not count; -1 for all count.</param>
/// <param name="HasOthers">It says more, or does something else; never one of ours.</param>
internal readonly record struct RuleMessage(
    bool IsIPv6,
    uint Table,
    uint? Priority = null,
    uint Mark = 0,
    bool IsInverted = false,
    int SuppressPrefixLength = -1,
    bool HasOthers = false) : IRouteMessage<RuleMessage>
{
    public static ushort NewType => RTM_NEWRULE;

    private static int Size => Unsafe.SizeOf<fib_rule_hdr>();

    /// <summary>Everything without the mark is looked up in the table: `not fwmark MARK table TABLE`.</summary>
    public static RuleMessage Unmarked(bool isIPv6, uint mark, uint table) => new(isIPv6, table, Mark: mark, IsInverted: true);

    /// <summary>Routes of the main table go first, but for the default route: `table main suppress_prefixlength 0`.</summary>
    public static RuleMessage MainWithoutDefault(bool isIPv6) => new(isIPv6, RT_TABLE_MAIN, SuppressPrefixLength: 0);

    /// <summary>
    /// The priority that the kernel gives the next rule that says none (net/core/fib_rules.c, fib_default_rule_pref): one before
    /// the second. A rule that is made with it can be told from its like.
    /// </summary>
    /// <param name="rules">Of the family, as listed.</param>
    public static uint NextPriority(IReadOnlyList<RuleMessage> rules) =>
        rules.Count > 1 && rules[1].Priority is > 0 and { } second ? second - 1 : 0;

    /// <summary>
    /// Reads the text of a rule, a line of a state file: -4 table 51820 priority 32765 not fwmark 51820.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out RuleMessage rule)
    {
        rule = default;
        string[] words = text.ToString().Split(' ');
        if (words.Length < 3 || words[0] is not ("-4" or "-6") || words[1] != "table" || !TryNumber(words[2], out uint table))
            return false;
        rule = new RuleMessage(words[0] == "-6", table);
        int i = 3;
        while (i < words.Length)
        {
            if (words[i] == "not")
            {
                rule = rule with { IsInverted = true };
                i++;
                continue;
            }

            if (i + 1 == words.Length || !TryNumber(words[i + 1], out uint number) || rule.With(words[i], number) is not { } more)
                return false;
            rule = more;
            i += 2;
        }

        return true;
    }

    public static void WriteFilter(in RouteFilter filter, ref NetlinkRequest request) =>
        request.Append(new fib_rule_hdr { family = (byte)(filter.IsIPv6 ? AF_INET6 : AF_INET) });

    public static bool TryRead(ReadOnlySpan<byte> body, out RuleMessage message)
    {
        message = default;
        if (!MemoryMarshal.TryRead(body, out fib_rule_hdr head) || head.family is not ((byte)AF_INET or (byte)AF_INET6))
            return false;
        message = new RuleMessage(head.family == AF_INET6, head.table, Priority: 0)
        {
            IsInverted = (head.flags & FIB_RULE_INVERT) != 0,
            HasOthers = head.dst_len != 0 || head.src_len != 0 || head.tos != 0 || head.action != FR_ACT_TO_TBL
                || (head.flags & ~FIB_RULE_INVERT) != 0,
        };
        var attribute = new NetlinkAttributes(body[Size..]);
        while (attribute.MoveNext()) message = message.With(attribute.Type, attribute.Value);
        return true;
    }

    public void Write(ref NetlinkRequest request)
    {
        request.Append(new fib_rule_hdr
        {
            family = (byte)(IsIPv6 ? AF_INET6 : AF_INET),
            table = (byte)(Table < 256 ? Table : 0),
            action = FR_ACT_TO_TBL,
            flags = IsInverted ? FIB_RULE_INVERT : 0,
        });
        if (Priority is { } priority)
            request.Add(FRA_PRIORITY, priority);
        if (Mark != 0)
            request.Add(FRA_FWMARK, Mark);
        if (Table >= 256)
            request.Add(FRA_TABLE, Table);
        if (SuppressPrefixLength >= 0)
            request.Add(FRA_SUPPRESS_PREFIXLEN, SuppressPrefixLength);
    }

    public bool IsOf(in RouteFilter filter) => IsIPv6 == filter.IsIPv6 && (filter.Table == 0 || Table == filter.Table);

    /// <summary>Whether the kernel takes this rule for <paramref name="asked"/> in a request to delete that.</summary>
    public bool Has(in RuleMessage asked) => Table == asked.Table
        && (asked.Priority is null || Priority == asked.Priority)
        && (asked.Mark == 0 || Mark == asked.Mark)
        && (asked.SuppressPrefixLength < 0 || SuppressPrefixLength == asked.SuppressPrefixLength);

    public override string ToString() => string.Concat(
        string.Create(CultureInfo.InvariantCulture, $"{(IsIPv6 ? "-6" : "-4")} table {Table}"),
        Said(" priority ", Priority) + (IsInverted ? " not" : ""),
        Said(" fwmark ", Mark == 0 ? null : Mark),
        Said(" suppress_prefixlength ", SuppressPrefixLength < 0 ? null : (uint)SuppressPrefixLength));

    private static string Said(string word, uint? number) =>
        number is { } value ? string.Create(CultureInfo.InvariantCulture, $"{word}{value}") : "";

    private static bool TryNumber(string word, out uint number) => DecimalText.TryParse(word, uint.MaxValue, out number);

    /// <summary>Null if the word is none of a rule of ours.</summary>
    private RuleMessage? With(string word, uint number) => word switch
    {
        "priority" => this with { Priority = number },
        "fwmark" => this with { Mark = number },
        "suppress_prefixlength" when number <= int.MaxValue => this with { SuppressPrefixLength = (int)number },
        _ => null,
    };

    private RuleMessage With(int type, ReadOnlySpan<byte> value)
    {
        if (type == FRA_PAD)
            return this;
        bool isNumber = MemoryMarshal.TryRead(value, out uint number);
        return type switch
        {
            FRA_PROTOCOL when value is [0] => this,
            FRA_TABLE when isNumber => this with { Table = number },
            FRA_PRIORITY when isNumber => this with { Priority = number },
            FRA_FWMARK when isNumber => this with { Mark = number },
            FRA_FWMASK when number == uint.MaxValue => this,
            FRA_SUPPRESS_PREFIXLEN when isNumber && (int)number >= -1 => this with { SuppressPrefixLength = (int)number },
            _ => this with { HasOthers = true },
        };
    }
}
