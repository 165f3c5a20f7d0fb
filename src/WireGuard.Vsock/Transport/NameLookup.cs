using System.Globalization;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// Names of hosts to endpoints, by getaddrinfo(3). It blocks for as long as resolv.conf(5) says: never on a lane or control.
/// </summary>
internal static class NameLookup
{
    /// <summary>The environment variable of <c>wg(8)</c> that says how often a lookup is tried again.</summary>
    public const string RetriesVariable = "WG_ENDPOINT_RESOLUTION_RETRIES";

    private const int DefaultRetries = 15;
    private const int FirstDelayMs = 1_000;
    private const int LongestDelayMs = 20_000;

    /// <summary>Splits HOST:PORT or [ADDRESS]:PORT, as <c>wg(8)</c> does: at the bracket, else at the last colon.</summary>
    /// <param name="error">What is wrong, in wg's words without the text itself; empty when nothing is.</param>
    public static bool TrySplit(string text, out string host, out string port, out string error)
    {
        host = port = "";
        error = "";
        int end, colon;
        if (text.StartsWith('['))
        {
            end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                error = "Unable to find matching brace of endpoint";
                return false;
            }

            colon = end + 1;
        }
        else
        {
            end = colon = text.LastIndexOf(':');
        }

        if (colon < 0 || colon >= text.Length - 1 || text[colon] != ':')
        {
            error = "Unable to find port of endpoint";
            return false;
        }

        host = text.StartsWith('[') ? text[1..end] : text[..end];
        port = text[(colon + 1)..];
        return true;
    }

    /// <summary>The addresses of a host, in the order in which they are to be tried (RFC 6724).</summary>
    /// <param name="error">Why there is none: gai_strerror(3).</param>
    /// <returns>0, or EAI_NONAME and the like.</returns>
    public static int Resolve(string host, string port, int flags, List<EndpointAddress> found, out string error)
    {
        List<byte[]> addresses = [];
        int code = Sys.GetAddressInfo(host, port, flags, addresses, out error);
        foreach (byte[] address in addresses)
        {
            if (EndpointAddress.TryFromSockaddr(address, out EndpointAddress endpoint))
                found.Add(endpoint);
        }

        return code;
    }

    /// <summary>Looks up until it succeeds or trying again cannot help, as <c>wg(8)</c> does.</summary>
    /// <param name="lookUp">Gives 0, or EAI_NONAME and the like.</param>
    /// <param name="retries">How often to try again; negative for ever.</param>
    /// <param name="pause">Waits for so many milliseconds.</param>
    /// <returns>What the last try gave.</returns>
    public static int TryAgain(Func<int> lookUp, int retries, Action<int> pause)
    {
        for (int delayMs = FirstDelayMs; ; delayMs = Math.Min(LongestDelayMs, delayMs * 6 / 5))
        {
            int code = lookUp();
            // EAI_SERVICE: wg(8) tries that again too, which cannot help.
            if (code is 0 or EAI_NONAME or EAI_FAIL or EAI_NODATA or EAI_SERVICE || retries-- == 0)
                return code;
            pause(delayMs);
        }
    }

    /// <summary>Reads the value of <see cref="RetriesVariable"/>, as wg(8) does with strtoul(3).</summary>
    /// <param name="text">Null if the variable is not set.</param>
    /// <param name="retries">How often to try again; negative for ever.</param>
    public static bool TryReadRetries(string? text, out int retries)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingWhite | NumberStyles.AllowLeadingSign;
        retries = text switch
        {
            null => DefaultRetries,
            "infinity" => -1,
            _ => 0,
        };
        return text is null or "infinity" or ""
            || (int.TryParse(text, Style, CultureInfo.InvariantCulture, out retries) && retries >= 0);
    }

    /// <summary>What is said before a pause of <see cref="TryAgain"/>.</summary>
    public static string AgainText(int delayMs) =>
        string.Create(CultureInfo.InvariantCulture, $"Trying again in {delayMs / 1000.0:F2} seconds...");
}
