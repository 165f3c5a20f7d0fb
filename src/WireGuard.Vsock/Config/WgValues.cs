using System.Globalization;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;

namespace WireGuard.Vsock.Config;

/// <summary>Values as <c>wg(8)</c> reads them, in files and arguments, with its words for what is wrong.</summary>
internal static class WgValues
{
    /// <summary>Reads off, a decimal number, or 0x and a hexadecimal one.</summary>
    internal static bool TryReadFwMark(ReadOnlySpan<char> value, out uint mark)
    {
        mark = 0;
        if (value.Equals("off", StringComparison.OrdinalIgnoreCase))
            return true;
        if (value is not ['0', 'x', _, ..])
            return WgNumber.TryParse(value, uint.MaxValue, out mark);
        ReadOnlySpan<char> digits = value[2..].TrimStart('0');
        return digits.IsEmpty || uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out mark);
    }

    /// <summary>Null, or what is wrong.</summary>
    internal static string? ReadFwMark(ReadOnlySpan<char> value, out uint mark) => TryReadFwMark(value, out mark)
        ? null
        : $"Fwmark is neither 0/off nor 0-0xffffffff: `{Shown(value)}'";

    /// <summary>Null, or what is wrong. DEVIATION: wg takes the names of services too, and a number's low 16 bits.</summary>
    internal static string? ReadPort(ReadOnlySpan<char> value, out ushort port)
    {
        bool isPort = WgNumber.TryParse(value, ushort.MaxValue, out uint number);
        port = (ushort)number;
        return isPort ? null
            : value.IsEmpty ? "Unable to parse empty port"
            : $"Servname not supported for ai_socktype: `{Shown(value)}'";
    }

    /// <summary>Null, or what is wrong.</summary>
    internal static string? ReadKeepalive(ReadOnlySpan<char> value, out ushort seconds)
    {
        uint number = 0;
        bool isInterval = value.Equals("off", StringComparison.OrdinalIgnoreCase)
            || WgNumber.TryParse(value, ushort.MaxValue, out number);
        seconds = (ushort)number;
        return isInterval ? null : $"Persistent keepalive interval is neither 0/off nor 1-65535: `{Shown(value)}'";
    }

    /// <summary>Reads a list, which may be empty. Null, or what is wrong.</summary>
    /// <param name="value">Without white space.</param>
    /// <param name="warn">Called for each address with bits behind its length.</param>
    internal static string? ReadAllowedIps(ReadOnlySpan<char> value, List<AllowedIpChange> to, Action<string> warn)
    {
        if (value.IsEmpty)
            return null;
        foreach (Range range in value.Split(','))
        {
            ReadOnlySpan<char> item = value[range];
            if (ReadAllowedIp(item) is not { } address)
            {
                int slash = item.IndexOf('/');
                ReadOnlySpan<char> host = slash < 0 ? item : item[..slash];
                return InterfaceAddress.TryParse(host, out _)
                    ? $"AllowedIP is not in the correct format: `{Shown(item)}'"
                    : $"Unable to parse IP address: `{Shown(host)}'";
            }

            IpPrefix prefix = address.Network;
            if (prefix.Address != address.Address)
                warn($"Warning: AllowedIP has nonzero host part: {item}");
            to.Add(new AllowedIpChange(prefix, Removes: false));
        }

        return null;
    }

    /// <summary>Reads ADDRESS[/LENGTH] without white space, with the bits behind its length; null for anything else.</summary>
    internal static InterfaceAddress? ReadAllowedIp(ReadOnlySpan<char> item)
    {
        int slash = item.IndexOf('/');
        if (!InterfaceAddress.TryParse(slash < 0 ? item : item[..slash], out InterfaceAddress address))
            return null;
        uint length = address.PrefixLength; // without one, all bits
        bool isLength = slash < 0 || WgNumber.TryParse(item[(slash + 1)..], length, out length);
        return isLength ? address with { PrefixLength = (byte)length } : null;
    }

    internal static string BadKey => $"Key is not the correct length or format: `{KeyText.Hidden}'";

    /// <summary>DEVIATION: wg shows any text, a mistyped key too.</summary>
    internal static string Shown(ReadOnlySpan<char> text) => KeyText.MayBeIn(text) ? KeyText.Hidden : Printable.Quote(text);
}
