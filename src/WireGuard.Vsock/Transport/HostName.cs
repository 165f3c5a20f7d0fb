using System.Buffers;
using WireGuard.Protocol.Routing;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// An endpoint by name, HOST:PORT: a host's name of letters, digits, hyphens, underscores and dots, at most 253 characters (RFC
/// 1035 section 2.3.4), and a port from 1 to 65535.
/// </summary>
internal static class HostName
{
    internal const int MaxHostLength = 253;

    private static readonly SearchValues<char> Letters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    /// <param name="text">HOST:PORT.</param>
    /// <param name="host">The name.</param>
    /// <param name="port">1..65535.</param>
    /// <param name="error">What is wrong, without the text itself; empty when nothing is.</param>
    internal static bool TryParse(ReadOnlySpan<char> text, out string host, out ushort port, out string error)
    {
        (host, port, error) = ("", 0, "");
        int colon = text.LastIndexOf(':');
        ReadOnlySpan<char> name = text[..Math.Max(colon, 0)];
        if (name.IsEmpty)
            error = "not HOST:PORT";
        else if (name.Length > MaxHostLength || name.ContainsAnyExcept(Letters) || name[0] is '-' or '.')
            error = "the host is not a name of letters, digits, hyphens and dots";
        else if (!DecimalText.TryParse(text[(colon + 1)..], ushort.MaxValue, out uint number) || number == 0)
            error = "the port is not a number from 1 to 65535";
        else
            (host, port) = (name.ToString(), (ushort)number);
        return error.Length == 0;
    }
}
