using System.Globalization;
using System.Text;

namespace WireGuard.Vsock.Commands;

/// <summary>Times and sizes in the words of <c>wg(8)</c>.</summary>
internal static class Quantity
{
    private const ulong Minute = 60;
    private const ulong Hour = 60 * Minute;
    private const ulong Day = 24 * Hour;
    private const ulong Year = 365 * Day;

    private static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB"];

    /// <summary>"1 year, 2 days, 1 hour, 3 minutes, 1 second"; of 0 seconds nothing.</summary>
    public static string Time(ulong seconds, TextStyle style)
    {
        StringBuilder text = new();
        Add(seconds / Year, "year");
        Add(seconds % Year / Day, "day");
        Add(seconds % Day / Hour, "hour");
        Add(seconds % Hour / Minute, "minute");
        Add(seconds % Minute, "second");
        return text.ToString();

        void Add(ulong count, string unit)
        {
            if (count == 0)
                return;
            text.Append(text.Length == 0 ? "" : ", ").Append(CultureInfo.InvariantCulture, $"{count} ");
            text.Append(style.Unit(count == 1 ? unit : unit + "s"));
        }
    }

    /// <summary>How long ago that was, in seconds since 1970.</summary>
    public static string Ago(ulong then, ulong now, TextStyle style)
    {
        if (now == then)
            return "Now";
        return now > then
            ? $"{Time(now - then, style)} ago"
            : $"({style.Red}System clock wound backward; connection problems may ensue.{style.Reset})";
    }

    /// <summary>"100 B", "1.50 KiB", up to TiB.</summary>
    public static string Bytes(ulong count, TextStyle style)
    {
        const int Step = 1024;
        if (count < Step)
            return string.Create(CultureInfo.InvariantCulture, $"{count} {style.Unit("B")}");
        double size = (double)count / Step;
        int unit = 0;
        for (; count >> (10 * (unit + 2)) != 0 && unit < Units.Length - 1; unit++)
            size /= Step;
        return string.Create(CultureInfo.InvariantCulture, $"{size:F2} {style.Unit(Units[unit])}");
    }
}
