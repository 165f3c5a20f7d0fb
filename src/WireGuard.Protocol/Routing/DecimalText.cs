namespace WireGuard.Protocol.Routing;

/// <summary>
/// Unsigned decimal numbers as text, strictly: no sign, no space, and no leading zero, since 01 is octal to some readers and
/// decimal to others. (uint.TryParse accepts trailing zero bytes, whatever its style.)
/// </summary>
internal static class DecimalText
{
    /// <summary>Reads 0..<paramref name="max"/>, with nothing behind it.</summary>
    internal static bool TryParse(ReadOnlySpan<char> text, uint max, out uint number) =>
        TryTake(ref text, max, out number) && text.IsEmpty;

    /// <summary>Takes the digits at the front of <paramref name="text"/>, which must be 0..<paramref name="max"/>.</summary>
    internal static bool TryTake(ref ReadOnlySpan<char> text, uint max, out uint number)
    {
        number = 0;
        int length = text.IndexOfAnyExceptInRange('0', '9');
        ReadOnlySpan<char> digits = length < 0 ? text : text[..length];
        bool hasLeadingZero = digits.Length > 1 && digits[0] == '0';
        if (digits.IsEmpty || hasLeadingZero)
            return false;
        ulong value = 0;
        foreach (char digit in digits)
        {
            value = value * 10 + (uint)(digit - '0');
            if (value > max)
                return false;
        }

        number = (uint)value;
        text = text[digits.Length..];
        return true;
    }
}
