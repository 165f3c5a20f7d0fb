using System.Globalization;

namespace WireGuard.Vsock.Config;

/// <summary>Where the routes to the peers' allowed IPs go: the key <c>Table</c>.</summary>
/// <param name="Number">The table, 0 unless the kind is <see cref="RouteTableKind.Number"/>.</param>
internal readonly record struct RouteTable(RouteTableKind Kind, uint Number = 0)
{
    /// <summary>The main table, and for default routes a table of their own with policy rules. The default.</summary>
    internal static RouteTable Auto => new(RouteTableKind.Auto);

    /// <summary>No routes are made.</summary>
    internal static RouteTable Off => new(RouteTableKind.Off);

    /// <summary>
    /// Reads auto, off, a number from 1, or the name of a table that the kernel always has (linux/rtnetlink.h). Other names
    /// stand in files of iproute2, which a machine without it lacks.
    /// </summary>
    internal static bool TryParse(ReadOnlySpan<char> text, out RouteTable table)
    {
        Span<char> word = stackalloc char[16];
        int length = text.ToLowerInvariant(word);
        table = default;
        switch (length < 0 ? [] : word[..length])
        {
            case "auto":
                return true;
            case "off":
                table = Off;
                return true;
            case "default":
                table = new RouteTable(RouteTableKind.Number, 253);
                return true;
            case "main":
                table = new RouteTable(RouteTableKind.Number, 254);
                return true;
            case "local":
                table = new RouteTable(RouteTableKind.Number, 255);
                return true;
            case ['0', 'x', .. var hex]:
                bool isHex = uint.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value);
                table = isHex ? new RouteTable(RouteTableKind.Number, value) : default;
                return table.Number > 0;
            default:
                table = WgNumber.TryParse(text, uint.MaxValue, out uint number) ? new(RouteTableKind.Number, number) : default;
                return table.Number > 0;
        }
    }

    public override string ToString() => Kind switch
    {
        RouteTableKind.Auto => "auto",
        RouteTableKind.Off => "off",
        _ => Number.ToString(CultureInfo.InvariantCulture),
    };
}

internal enum RouteTableKind
{
    Auto,
    Off,
    Number,
}
