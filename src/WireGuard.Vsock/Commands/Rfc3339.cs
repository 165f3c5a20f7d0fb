using System.Globalization;

namespace WireGuard.Vsock.Commands;

/// <summary>Times as 2026-03-01T12:00:00Z, 2026-03-01T12:00:00.5+01:00 (RFC 3339 section 5.6).</summary>
internal static class Rfc3339
{
    private const string Form = "0000-00-00T00:00:00";

    public static bool TryParse(ReadOnlySpan<char> text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length < Form.Length + 1 || !HasForm(text[..Form.Length], Form))
            return false;
        ReadOnlySpan<char> zone = text[Form.Length..];
        long ticks = 0;
        if (zone[0] == '.')
        {
            int end = zone[1..].IndexOfAnyExceptInRange('0', '9') + 1;
            if (end is < 2 or > 8)
                return false;
            for (int i = 1; i <= 7; i++)
                ticks = (ticks * 10) + (i < end ? zone[i] - '0' : 0);
            zone = zone[end..];
        }

        if (!TryParseZone(zone, out int minutes))
            return false;
        (int year, int month, int day) = (Number(text[..4]), Number(text[5..7]), Number(text[8..10]));
        (int hour, int minute, int second) = (Number(text[11..13]), Number(text[14..16]), Number(text[17..19]));
        // Far from both ends of the calendar, which a zone could cross.
        if (year is < 1970 or > 9998 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month)
            || hour > 23 || minute > 59 || second > 59)
        {
            return false;
        }

        time = new DateTimeOffset(year, month, day, hour, minute, second, TimeSpan.Zero).AddTicks(ticks).AddMinutes(-minutes);
        return true;
    }

    /// <summary>In UTC, to the second.</summary>
    public static string Format(DateTimeOffset time)
    {
        DateTime utc = time.UtcDateTime;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{utc.Year:d4}-{utc.Month:d2}-{utc.Day:d2}T{utc.Hour:d2}:{utc.Minute:d2}:{utc.Second:d2}Z");
    }

    private static bool TryParseZone(ReadOnlySpan<char> zone, out int minutes)
    {
        minutes = 0;
        if (zone is "Z" or "z")
            return true;
        if (zone.Length != 6 || zone[0] is not ('+' or '-') || !HasForm(zone[1..], "00:00"))
            return false;
        int hours = Number(zone[1..3]);
        minutes = ((hours * 60) + Number(zone[4..6])) * (zone[0] == '-' ? -1 : 1);
        return hours < 24 && Number(zone[4..6]) < 60;
    }

    /// <summary>Whether there are digits where the form has 0, and else the same characters, a T also as t or a space.</summary>
    private static bool HasForm(ReadOnlySpan<char> text, string form)
    {
        for (int i = 0; i < form.Length; i++)
        {
            bool fits = form[i] switch
            {
                '0' => char.IsAsciiDigit(text[i]),
                'T' => text[i] is 'T' or 't' or ' ',
                char other => text[i] == other,
            };
            if (!fits) return false;
        }

        return true;
    }

    private static int Number(ReadOnlySpan<char> digits) => int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
}
