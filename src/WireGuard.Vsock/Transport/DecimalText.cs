namespace WireGuard.Vsock.Transport;

/// <summary>
/// Unsigned decimal numbers as text, strictly: digits and nothing else, no leading zero. (uint.TryParse lets closing zero bytes
/// pass, whatever its style.)
/// </summary>
internal static class DecimalText
{
    /// <summary>Reads 0..<paramref name="max"/>.</summary>
    internal static bool TryParse(ReadOnlySpan<char> text, uint max, out uint number)
    {
        number = 0;
        bool hasLeadingZero = text.Length > 1 && text[0] == '0';
        if (text.IsEmpty || hasLeadingZero)
            return false;
        ulong value = 0;
        foreach (char digit in text)
        {
            if (!char.IsAsciiDigit(digit))
                return false;
            value = value * 10 + (uint)(digit - '0');
            if (value > max)
                return false;
        }

        number = (uint)value;
        return true;
    }
}
