using System.Globalization;

namespace WireGuard.Protocol.Routing;

/// <summary>
/// IP addresses as text. Reads the strict forms of inet_pton(3) and RFC 4291 section 2.2 (no octal, no leading zeros in a dotted
/// quad, no brackets, no zone) and writes the canonical form of RFC 5952, as Go's netip and <c>wg(8)</c> do.
/// </summary>
internal static class IpAddressText
{
    /// <summary>The longest text either family takes: INET6_ADDRSTRLEN without its closing zero.</summary>
    public const int MaxLength = 45;

    private const int GroupCount = 8;

    /// <summary>Reads a dotted quad; false for anything else.</summary>
    /// <param name="address">The address as a host integer: 10.0.0.1 is 0x0A000001.</param>
    public static bool TryParseIPv4(ReadOnlySpan<char> text, out uint address)
    {
        address = 0;
        uint value = 0;
        for (int octet = 0; octet < 4; octet++)
        {
            if (octet > 0)
            {
                if (text.IsEmpty || text[0] != '.')
                    return false;
                text = text[1..];
            }
            if (!DecimalText.TryTake(ref text, 255, out uint number))
                return false;
            value = (value << 8) | number;
        }
        if (!text.IsEmpty)
            return false;
        address = value;
        return true;
    }

    /// <summary>
    /// Reads an IPv6 address, with "::" and a closing dotted quad where they may stand; false for anything else.
    /// </summary>
    /// <param name="address">The address as a host integer: ::1 is 1.</param>
    public static bool TryParseIPv6(ReadOnlySpan<char> text, out UInt128 address)
    {
        address = default;
        UInt128 value = default;
        int groups = 0;
        int gap = -1; // how many groups stand before "::"
        if (text.StartsWith("::"))
        {
            gap = 0;
            text = text[2..];
        }
        while (!text.IsEmpty)
        {
            int colon = text.IndexOf(':');
            ReadOnlySpan<char> piece = colon < 0 ? text : text[..colon];
            if (colon < 0 && piece.Contains('.'))
            {
                if (groups > GroupCount - 2 || !TryParseIPv4(piece, out uint quad))
                    return false;
                value = (value << 32) | quad;
                groups += 2;
                break;
            }
            if (groups == GroupCount || !TryParseGroup(piece, out uint group))
                return false;
            value = (value << 16) | group;
            groups++;
            if (colon < 0)
                break;
            text = text[(colon + 1)..];
            if (text.IsEmpty)
                return false; // a lone colon at the end
            if (text[0] != ':')
                continue;
            if (gap >= 0)
                return false; // a second "::"
            gap = groups;
            text = text[1..];
        }
        if (gap < 0 ? groups != GroupCount : groups >= GroupCount)
            return false;
        address = gap < 0 ? value : OpenGap(value, gap, groups - gap);
        return true;
    }

    /// <summary>Writes a dotted quad; false when <paramref name="destination"/> is too short.</summary>
    public static bool TryFormatIPv4(uint address, Span<char> destination, out int written) =>
        destination.TryWrite(
            CultureInfo.InvariantCulture,
            $"{address >> 24}.{(address >> 16) & 0xFF}.{(address >> 8) & 0xFF}.{address & 0xFF}",
            out written);

    /// <summary>Writes the form of RFC 5952; false when <paramref name="destination"/> is too short.</summary>
    public static bool TryFormatIPv6(UInt128 address, Span<char> destination, out int written)
    {
        written = 0;
        Span<char> text = stackalloc char[MaxLength];
        int length = FormatIPv6(address, text);
        if (!text[..length].TryCopyTo(destination))
            return false;
        written = length;
        return true;
    }

    private static bool TryParseGroup(ReadOnlySpan<char> piece, out uint group)
    {
        group = 0;
        if (piece.Length is 0 or > 4)
            return false;
        foreach (char digit in piece)
        {
            if (!char.IsAsciiHexDigit(digit))
                return false;
            // The low bits of '0'..'9' are the digit; letters of both cases have bit 6 set and count from 1.
            group = (group << 4) | ((digit & 0xFu) + (uint)(digit >> 6) * 9);
        }
        return true;
    }

    /// <summary>Moves the groups before "::" to the top of the address; those after it are at the bottom already.</summary>
    private static UInt128 OpenGap(UInt128 value, int before, int after)
    {
        UInt128 low = value & ((UInt128.One << (16 * after)) - 1);
        // Without groups before it there is nothing to move, and a shift by 128 would be a shift by 0.
        return before == 0 ? low : ((value >> (16 * after)) << (16 * (GroupCount - before))) | low;
    }

    private static int FormatIPv6(UInt128 address, Span<char> text)
    {
        bool isMapped = address >> 32 == 0xFFFF; // ::ffff:192.0.2.1, RFC 5952 section 5
        int groupsInHex = isMapped ? GroupCount - 2 : GroupCount;
        (int gapStart, int gapLength) = LongestZeroRun(address);
        int length = 0;
        for (int i = 0; i < groupsInHex; i++)
        {
            if (i == gapStart)
            {
                text[length++] = ':';
                text[length++] = ':';
                i += gapLength - 1;
                continue;
            }
            if (i > 0 && i != gapStart + gapLength)
                text[length++] = ':';
            Group(address, i).TryFormat(text[length..], out int digits, "x", CultureInfo.InvariantCulture);
            length += digits;
        }
        if (!isMapped)
            return length;
        text[length++] = ':';
        TryFormatIPv4((uint)address, text[length..], out int quad);
        return length + quad;
    }

    /// <summary>
    /// The first of the longest runs of two or more zero groups (RFC 5952 section 4.2), or a start that no group has.
    /// </summary>
    private static (int Start, int Length) LongestZeroRun(UInt128 address)
    {
        (int Start, int Length) best = (-1, 1);
        int run = 0;
        for (int i = 0; i < GroupCount; i++)
        {
            run = Group(address, i) == 0 ? run + 1 : 0;
            if (run > best.Length)
                best = (i - run + 1, run);
        }
        return best;
    }

    private static uint Group(UInt128 address, int index) => (uint)(address >> (16 * (GroupCount - 1 - index))) & 0xFFFF;
}
