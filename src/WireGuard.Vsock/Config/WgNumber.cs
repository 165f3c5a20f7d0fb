namespace WireGuard.Vsock.Config;

/// <summary>Decimal numbers as <c>wg(8)</c> reads them: digits alone, and leading zeros mean nothing.</summary>
internal static class WgNumber
{
    /// <summary>Reads 0..<paramref name="max"/>, with nothing behind it.</summary>
    internal static bool TryParse(ReadOnlySpan<char> text, uint max, out uint number)
    {
        number = 0;
        if (text.IsEmpty || text.ContainsAnyExceptInRange('0', '9'))
            return false;
        ulong value = 0;
        foreach (char digit in text)
        {
            value = value * 10 + (uint)(digit - '0');
            if (value > max)
                return false;
        }

        number = (uint)value;
        return true;
    }
}
